# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a restore: one file, written atomically before each step that it tells of.

    <state>/restore/<run>.json    what is restored, and every phase with its moment
    <state>/restore/<run>/        what was extracted, until the restore ends

A restore is open until all that it made for a while is gone. What to do with an open one that
nobody works on any more follows from its phase alone: `_restore_end`.
"""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import (
    private_directory,
    write_atomically,
)

KEY = "janus_backup_restore"  # the file is handed to a playbook as its variables
PROVEN, REVERTED, DISCARDING = "done", "reverted", "discard"


def directory(state: Path) -> Path:
    """Given the state directory, return where journals are."""
    return state / "restore"


def extracted(state: Path, run: str) -> Path:
    """Given a restore, return the directory of its own."""
    return directory(state) / run


def read(state: Path, run: str) -> dict[str, Any]:
    """Given a restore, return its journal. Raise BackupError if there is none."""
    path = directory(state) / f"{run}.json"
    try:
        journal: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))[KEY]
    except FileNotFoundError as error:
        raise BackupError(f"there was no restore {run}") from error
    except (OSError, ValueError, KeyError) as error:
        raise BackupError(f"cannot read the journal {path}: {error}") from error
    return journal


def write(state: Path, journal: dict[str, Any]) -> None:
    """Given a journal, write it."""
    private_directory(directory(state))
    text = json.dumps({KEY: journal}, indent=1) + "\n"
    write_atomically(directory(state) / f"{journal['run']}.json", text)


def begin(state: Path, run: str, plan: dict[str, Any]) -> None:
    """Given a restore's name and its plan, begin its journal."""
    phases = [{"name": "asked", "at": time.time()}]
    write(state, {**plan, "run": run, "open": True, "phase": "asked", "phases": phases})


def enter(state: Path, run: str, phase: str, **facts: Any) -> dict[str, Any]:
    """Given a restore and the phase that it is about to enter, note that and other facts.

    Return the journal. Raise BackupError if there is none.
    """
    journal = read(state, run) | facts
    journal["phase"] = phase
    journal["phases"] = [*journal["phases"], {"name": phase, "at": time.time()}]
    write(state, journal)
    return journal


def journals(state: Path) -> list[dict[str, Any]]:
    """Given the state directory, return all journals, the oldest first."""
    found = [read(state, path.stem) for path in sorted(directory(state).glob("*.json"))]
    return sorted(found, key=lambda journal: float(journal["phases"][0]["at"]))


def seconds(journal: dict[str, Any]) -> dict[str, float]:
    """Given a journal, return how long each phase took that another one followed."""
    phases = journal["phases"]
    found: dict[str, float] = {}
    for phase, following in itertools.pairwise(phases):
        took = following["at"] - phase["at"]
        found[phase["name"]] = round(found.get(phase["name"], 0) + took, 1)
    return found
