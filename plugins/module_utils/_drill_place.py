# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs to which drill, and which drills live, so that two on one host never meet.

A drill has a name that no other has. Its directory below the state directory, its scratch in
RUNTIME and all that it makes in Docker are called so. It holds a lock of its name for as long as
one of its processes lives: whatever carries the name of a drill without that is left over.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from ansible_collections.janus.backup.plugins.module_utils._files import (
    private_directory,
    remove_tree,
)

PREFIX = "janus-drill-"
RUNTIME = Path("/run/janus-backup")
# What is wanted of a drill, in its directory.
WANTED = "drill.json"
_LOCK = ".lock"


def directory(state: Path, drill: str) -> Path:
    """Given the state directory and a drill, return the drill's own directory."""
    return state / "drill" / drill


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Begin or clean up drills while nobody else on this host does."""
    private_directory(RUNTIME)
    descriptor = os.open(RUNTIME / "drill.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def begin(state: Path) -> tuple[str, int]:
    """Given the state directory, begin a drill. Return its name and the descriptor of its lock,
    which is held until every process that has the descriptor has ended.
    """
    moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    drill = f"{PREFIX}{moment}-{secrets.token_hex(2)}"
    with alone():
        descriptor = os.open(RUNTIME / f"{drill}{_LOCK}", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        private_directory(directory(state, drill))
    return drill, descriptor


def known(state: Path) -> set[str]:
    """Given the state directory, return the names of all drills that have files on this host."""
    found = {path.name.removesuffix(_LOCK) for path in RUNTIME.glob(f"{PREFIX}*")}
    return found | {path.name for path in (state / "drill").glob(f"{PREFIX}*")}


def lives(drill: str) -> bool:
    """Given a drill, tell whether one of its processes holds its lock."""
    try:
        descriptor = os.open(RUNTIME / f"{drill}{_LOCK}", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def remove(state: Path, drill: str) -> None:
    """Given a drill that ended, remove its files; the lock goes last."""
    remove_tree(directory(state, drill))
    remove_tree(RUNTIME / drill)
    with contextlib.suppress(OSError):  # another drill is there
        (state / "drill").rmdir()
    (RUNTIME / f"{drill}{_LOCK}").unlink(missing_ok=True)
