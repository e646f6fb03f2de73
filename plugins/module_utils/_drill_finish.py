# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a drill, also of one that was killed: its report goes into the history, then metrics
and the ping tell of it, then all that it made is removed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import (
    _container,
    _drill_history,
    _drill_metrics,
    _drill_place,
    _drill_report,
    _ping,
    _rebuild,
)

# 1 is left for a drill that could not be recorded, or could not remove what it made.
EXIT_CODES = {
    _drill_report.PROVEN: 0,
    _drill_report.RESTORED: 10,
    _drill_report.FAILED: 11,
    _drill_report.NOT_RUN: 12,
}


def history(settings: dict[str, Any]) -> Path:
    """Given the settings of the drill's host, return the directory of its history."""
    return Path(settings["state"]) / "drills"


def finish(settings: dict[str, Any], drill: str, playbook: int = 0) -> int:
    """Given the settings, a drill none of whose processes works any more, and the exit code of its
    playbook, record what came of it and remove all that it made. Return its exit code.

    Raise BackupError or OSError if it could not be recorded or something stays.
    """
    try:
        code = record(settings, drill, playbook)
    finally:
        clean_up(Path(settings["state"]), drill)
    return code


def record(settings: dict[str, Any], drill: str, playbook: int) -> int:
    """Given a drill, add its report to the history and tell of it. Return its exit code."""
    directory = _drill_place.directory(Path(settings["state"]), drill)
    files = [directory / name for name in (_drill_report.NAME, _drill_place.WANTED)]
    if not any(path.is_file() for path in files):
        return 1  # it is recorded already, or was killed in its very first moment
    report = _report(files, settings, drill)
    # Proven, but what it made could not be removed, is not good either.
    code = EXIT_CODES[report["verdict"]] or int(playbook != 0)
    key = settings["signing_key_file"]
    path = _drill_history.append(history(settings), report, Path(key) if key else None)
    for file in files:
        file.unlink(missing_ok=True)
    sys.stderr.write(f"report: {path}\n")
    _drill_metrics.write(settings, _drill_history.read(history(settings)))
    _ping.send(settings["healthchecks_file"], str(code), f"{report['verdict']}: {path.name}")
    return code


def _report(files: list[Path], settings: dict[str, Any], drill: str) -> dict[str, Any]:
    """Return the report that the drill left, or the one of a drill that left none."""
    found: dict[str, Any] = {}
    for path in files:
        if path.is_file():
            found = json.loads(path.read_text(encoding="utf-8"))
            break
    if "verdict" in found:
        return found
    return _drill_report.broken_off(
        drill, settings["host"], found["drill_started"], found["drill_wanted"]
    )


def clean_up(state: Path, drill: str) -> None:
    """Given a drill that ended, remove all that it made. Raise BackupError if something stays."""
    _container.remove_labelled(f"{_container.LABEL}={drill}")
    _rebuild.tear_down(drill)
    _drill_place.remove(state, drill)
