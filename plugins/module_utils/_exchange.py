# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two directories change places in one step of the kernel, so that no moment has neither.

Which is where is told by their inode numbers, noted before: after a crash, too.
"""

from __future__ import annotations

import ctypes
import errno
import os
import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # renameat2(2)


def exchange(one: Path, other: Path) -> None:
    """Given two directories of one file system, let each have the other's name.

    Raise BackupError if the kernel refuses; both are as they were then.
    """
    library = ctypes.CDLL(None, use_errno=True)
    names = (os.fsencode(one), os.fsencode(other))
    if library.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) != 0:
        cause = ctypes.get_errno()
        raise BackupError(
            f"cannot exchange {one} with {other}: {os.strerror(cause)}"
            + (" (a mount point cannot be renamed)" if cause == errno.EBUSY else "")
        )
    for parent in sorted({one.parent, other.parent}):
        descriptor = os.open(parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def prove(directory: Path) -> None:
    """Given a directory, raise BackupError if its file system cannot exchange directories."""
    with tempfile.TemporaryDirectory(dir=directory, prefix=".janus-") as place:
        pair = [Path(place) / name for name in ("one", "other")]
        for path in pair:
            path.mkdir()
        exchange(*pair)


def note(live: Path, fresh: Path) -> dict[str, Any]:
    """Given the directory in use and the one to take its place, return the pair to remember.

    Raise BackupError if they are on different file systems: they could not be exchanged.
    """
    if live.parent.stat().st_dev != fresh.parent.stat().st_dev:
        raise BackupError(f"{live} and {fresh} are on different file systems")
    return {
        "live": str(live),
        "fresh": str(fresh),
        "live_inode": live.stat().st_ino,
        "fresh_inode": fresh.stat().st_ino,
    }


def exchanged(pair: dict[str, Any]) -> bool:
    """Given a remembered pair, tell whether the two have changed places.

    Raise BackupError if what has the name of the one in use is neither.
    """
    try:
        found = os.stat(pair["live"]).st_ino
    except OSError as error:
        raise BackupError(f"cannot look at {pair['live']}: {error.strerror}") from error
    if found not in (pair["live_inode"], pair["fresh_inode"]):
        raise BackupError(f"{pair['live']} is neither the old nor the restored data: look yourself")
    return bool(found == pair["fresh_inode"])


def put_back(pairs: list[dict[str, Any]]) -> list[str]:
    """Given remembered pairs, let every one that changed places change back.

    Return the paths in use that have their old data again. Raise BackupError if one cannot.
    """
    returned = []
    for pair in pairs:
        if exchanged(pair):
            exchange(Path(pair["live"]), Path(pair["fresh"]))
            returned.append(pair["live"])
    return returned
