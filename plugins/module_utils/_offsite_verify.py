# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove an off-site copy without the node: program of janus-backup-offsite-verify@<name>.service.

    python -m ansible_collections.janus.backup.plugins.module_utils._offsite_verify TARGETFILE

Fetches what is new into <state>/offsite/<name>, compares number and sizes of the objects with what
the copy says of itself, has Borg check repository and archives, and looks how old the copy is. The
exit code is 0 only if all of that ran and is well.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import (
    _borg,
    _offsite_fetch,
    _offsite_place,
    _offsite_state,
)
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import private_directory

_SUFFIX = "-verify"


def verify(target: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    """Given a target and what is known of it, prove its copy. Return what is known then.

    Raise BackupError if anything is not well or could not be looked at.
    """
    started = time.monotonic()
    directory = Path(target["state"]) / "offsite" / target["name"]
    told = _offsite_fetch.fetch(target, directory, None)
    private_directory(Path(target["borg"]["base_directory"]))
    _borg.run(target["borg"], ["check", str(directory)])
    if not told["complete"]:
        raise BackupError("the last copy did not come to its end")
    age = (
        _offsite_state.stamp(_offsite_state.now()) - _offsite_state.stamp(told["finished"])
    ) / 3600
    if age > target["max_age_hours"]:
        raise BackupError(f"the copy is {age:.0f} hours old, {target['max_age_hours']} are allowed")
    return {
        **state,
        "status": "proven",
        "sentence": f"{len(told['sizes'])} objects are there and Borg finds nothing wrong",
        "last_success": _offsite_state.now(),
        "copied": told["finished"],
        "bytes_moved": told["moved_bytes"],
        "objects": len(told["sizes"]),
        "bytes": sum(told["sizes"].values()),
        "seconds": round(time.monotonic() - started, 3),
    }


def main() -> int:
    """Verify the copy of the target named on the command line. Return the exit code."""
    parser = argparse.ArgumentParser(description="Prove an off-site copy without the node.")
    parser.add_argument("target_file")
    arguments = parser.parse_args()
    try:
        target = _offsite_place.read(arguments.target_file)
        state = _offsite_state.load(target, _SUFFIX)
        state["last_attempt"] = _offsite_state.now()
        try:
            state = verify(target, state)
        except (BackupError, OSError) as error:
            state |= {"status": "failed", "sentence": str(error)}
        _offsite_state.save(target, state, _SUFFIX)
    except (BackupError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stderr.write(f"{target['name']}: {state['status']}: {state['sentence']}\n")
    return 0 if state["status"] == "proven" else 1


if __name__ == "__main__":
    raise SystemExit(main())
