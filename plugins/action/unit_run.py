# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start a systemd unit, show its journal while it runs, and fail when it fails."""

from __future__ import annotations

import json
import shlex
import time
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

_SHOWN = "ActiveState,Result,ExecMainStatus,LoadState"


class ActionModule(ActionBase):
    """Runs on the controller; documented in plugins/modules/unit_run.py."""

    _requires_connection = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Given the task's arguments, run the unit to its end and return {unit, result, log}."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec(
            {
                "unit": {"type": "str", "required": True},
                "timeout": {"type": "int", "default": 86400},
            }
        )
        unit = arguments["unit"]
        if self._task.check_mode:
            return {**result, "changed": True, "unit": unit, "msg": f"would start {unit}"}
        if self._state(unit)["LoadState"] != "loaded":
            return {**result, "failed": True, "unit": unit, "msg": f"there is no unit {unit}"}
        if self._state(unit)["ActiveState"] in ("activating", "active"):
            message = f"{unit} is running already; this run would not be the one that you asked for"
            return {**result, "failed": True, "unit": unit, "msg": message}
        since = self._run("date --utc '+%Y-%m-%d %H:%M:%S.%6N'").strip()
        self._run(f"systemctl reset-failed {shlex.quote(unit)} 2>/dev/null || true")
        self._run(f"systemctl start --no-block {shlex.quote(unit)}")
        lines, state, run = self._follow(unit, since, time.monotonic() + arguments["timeout"])
        result |= {"changed": True, "unit": unit, "result": state["Result"], "log": lines}
        result |= {"status": int(state["ExecMainStatus"]), "invocation_id": run}
        if state["ActiveState"] in ("activating", "active"):
            result |= {"failed": True, "msg": f"{unit} still runs after {arguments['timeout']} s"}
        elif state["Result"] != "success":
            result |= {
                "failed": True,
                "msg": f"{unit} failed ({state['Result']}, exit code {state['ExecMainStatus']})",
            }
        return result

    def _follow(
        self, unit: str, since: str, deadline: float
    ) -> tuple[list[str], dict[str, str], str]:
        """Show each new line of the unit's journal until the unit is done or time is up. Return
        the lines, the unit's state, and the id of this run of it.
        """
        cursor, run = "", ""
        lines: list[str] = []
        while True:
            state = self._state(unit)
            start = f"--after-cursor={shlex.quote(cursor)}" if cursor else f"--since='{since} UTC'"
            self._run("journalctl --sync")
            for entry in self._run(
                f"journalctl --unit={shlex.quote(unit)} {start} --output=json --quiet"
                # a terminal would get colours
                " --output-fields=MESSAGE,_SYSTEMD_INVOCATION_ID | cat"
            ).splitlines():
                noted = json.loads(entry)
                cursor = noted["__CURSOR"]
                run = noted.get("_SYSTEMD_INVOCATION_ID", run)
                lines.append(str(noted["MESSAGE"]))
                Display().display(f"    {lines[-1]}")
            if state["ActiveState"] not in ("activating", "active", "deactivating", "reloading"):
                return lines, state, run
            if time.monotonic() > deadline:
                return lines, state, run
            time.sleep(0.5)  # between two looks at the unit, which is what is awaited

    def _state(self, unit: str) -> dict[str, str]:
        shown = self._run(f"systemctl show --property={_SHOWN} {shlex.quote(unit)}")
        return dict(line.partition("=")[::2] for line in shown.splitlines())

    def _run(self, command: str) -> str:
        done = self._low_level_execute_command(command, sudoable=True)
        return str(done["stdout"])
