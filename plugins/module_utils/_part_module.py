# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules <service>_part have in common: a part of a service comes from its restored and
proven twin, beside what is there or in its place.

The implementation gives `KINDS`, `restore_part`, `undo` and `discard`; CONTRIBUTING says what they
do. What `undo` and `discard` need is in the restore's journal before anything is made.
"""

from __future__ import annotations

import contextlib
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.janus.backup.plugins.module_utils import _journal
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import (
    private_directory,
    remove_tree,
)
from ansible_collections.janus.backup.plugins.module_utils._helper import beside

ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "container": {"type": "str", "required": True},
    "user": {"type": "str"},
    "password_file": {"type": "path", "no_log": False},
    "twin": {"type": "str", "required": True},
    "twin_password_file": {"type": "path", "no_log": False},
    "job": {"type": "str", "required": True},
    "kind": {"type": "str", "required": True},
    "path": {"type": "str", "required": True},
    "as_name": {"type": "str", "default": ""},
    "options": {"type": "dict", "default": {}},
    "state_directory": {"type": "path", "default": "/var/lib/janus-backup"},
}


def run_part(implementation: ModuleType) -> None:
    """Given a service's implementation of parts, restore one from the twin."""
    arguments = {**ARGUMENTS, "kind": {**ARGUMENTS["kind"], "choices": list(implementation.KINDS)}}
    module = AnsibleModule(argument_spec=arguments, supports_check_mode=True)
    name, run, wanted = (module.params[key] for key in ("name", "job", "path"))
    state = Path(module.params["state_directory"])
    part = {key: module.params[key] for key in ("kind", "path", "as_name")}
    part["mark"] = run.rpartition("-")[2]
    sentence = f"{part['kind']} {wanted} " + (
        f"beside the present one, as {part['as_name']}" if part["as_name"] else "in its place"
    )
    result: dict[str, Any] = {"changed": True, "diff": {"before": "", "after": f"{sentence}\n"}}
    try:
        if not module.check_mode:
            result |= _restore(implementation, module.params, part, state)
        module.exit_json(**result)
    except (BackupError, OSError) as error:
        module.fail_json(msg=f"{name}: {error}", exception=traceback.format_exc())


def _restore(
    implementation: ModuleType, given: dict[str, Any], part: dict[str, Any], state: Path
) -> dict[str, Any]:
    run = given["job"]
    live: dict[str, Any] = {key: given[key] for key in ("name", "container", "user")}
    live |= {"runtime": "docker", "host": None, "port": None, "job": run, "wait": 60}
    live |= {"password_file": given["password_file"], "options": given["options"]}
    twin = {**live, "container": given["twin"], "password_file": given["twin_password_file"]}
    work = private_directory(_journal.extracted(state, run) / "part")
    services = []
    for service, place in ((live, "live"), (twin, "twin")):
        scratch = private_directory(Path("/run/janus-backup") / run / place)
        services.append({**service, "scratch": str(scratch)})

    def remember(token: dict[str, Any]) -> None:
        undo = {"module": implementation.__name__, "token": {**token, "service": live}}
        _journal.enter(state, run, "copy", undo=undo)

    try:
        with contextlib.ExitStack() as stack:
            helpers = [
                stack.enter_context(beside(each, [work, Path(each["scratch"])], []))
                for each in services
            ]
            found: dict[str, Any] = implementation.restore_part(
                (services[0], helpers[0]), (services[1], helpers[1]), part, work, remember
            )
            return found
    finally:
        remove_tree(work)
