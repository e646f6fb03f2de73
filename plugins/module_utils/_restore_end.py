# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""End restores, however far they came: program of the unit's ExecStopPost= and of the boot.

    python -m ansible_collections.janus.backup.plugins.module_utils._restore_end STATE [RUN]
    python -m ansible_collections.janus.backup.plugins.module_utils._restore_end STATE --data-only

A restore that was not proven in place is undone: the old data is back and what the restore made is
gone. Of a proven one everything goes but the old data. --data-only undoes just the exchange of
directories, needs no Docker, and runs at boot before Docker starts any container.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import (
    _container,
    _exchange,
    _journal,
    _swap,
    _twin,
)
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import remove_tree


def end(state: Path, journal: dict[str, Any]) -> None:
    """Given an open restore, close it. Raise BackupError if something resists; again and again."""
    run, container = journal["run"], journal["service"]["container"]
    if journal["phase"] == _journal.DISCARDING:
        importlib.import_module(journal["undo"]["module"]).discard(journal["undo"]["token"])
        journal = _journal.enter(state, run, _journal.PROVEN, discarded=True)
    proven = journal["phase"] == _journal.PROVEN
    if not proven:
        if journal.get("undo"):
            importlib.import_module(journal["undo"]["module"]).undo(journal["undo"]["token"])
        if _swap.revert(journal):
            sys.stderr.write(f"{run}: {container} has its old data again\n")
    _container.remove_labelled(f"{_container.LABEL}={run}")
    _twin.remove(container, run)
    if not proven or not journal.get("pairs"):
        _twin.remove_data(container, run)
    remove_tree(_journal.extracted(state, run))
    remove_tree(Path("/run/janus-backup") / run)
    phase = journal["phase"] if proven else _journal.REVERTED
    _journal.enter(state, run, phase, open=False)


def main() -> int:
    """End the restores that the command line names. Return the exit code."""
    parser = argparse.ArgumentParser(description="End restores, however far they came.")
    parser.add_argument("state", type=Path)
    parser.add_argument("run", nargs="?", help="only this one")
    parser.add_argument("--data-only", action="store_true", help="only the exchange, no Docker")
    arguments = parser.parse_args()
    code = 0
    for journal in _journal.journals(arguments.state):
        if not journal["open"] or arguments.run not in (None, journal["run"]):
            continue
        try:
            if not arguments.data_only:
                end(arguments.state, journal)
            elif journal["phase"] not in (_journal.PROVEN, _journal.DISCARDING):
                _exchange.put_back(journal.get("pairs", []))
        except (BackupError, OSError) as error:
            sys.stderr.write(f"ending {journal['run']}: {error}\n")
            code = 1
    return code


if __name__ == "__main__":
    raise SystemExit(main())
