# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trees of files: what is in them, what each file and link is, and how they are put in place.

Paths are absolute, as they are on the node; `root` is the directory below which they are looked for
and put. Nothing is followed: a symbolic link is itself.
"""

from __future__ import annotations

import errno
import fnmatch
import hashlib
import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._checksum import Checksums
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import sha256
from ansible_collections.janus.backup.plugins.module_utils._helper import Helper

Tree = dict[str, dict[str, Any]]  # what is at each path

DIRECTORY = "directory"
# Sockets and devices are made by who uses them: they hold nothing that could be kept.
_TYPES = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: DIRECTORY,
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "pipe",
}
# Attributes that belong to a file wherever it is. Others are its host's, as the labels of SELinux.
_ATTRIBUTES = ("user.*", "security.capability", "system.posix_acl_*")


def walk(root: Path, paths: Iterable[str], exclude: Iterable[str] = ()) -> list[str]:
    """Given a root, paths below it and patterns, return every path that is there, sorted.

    What a pattern matches is left out, with all that is below it. Raise BackupError if a directory
    cannot be read.
    """
    found, pending = set(), list(paths)
    while pending:
        path = pending.pop()
        if any(fnmatch.fnmatchcase(path, pattern) for pattern in exclude):
            continue
        here = below(root, path)
        try:
            kind = _TYPES.get(stat.S_IFMT(here.lstat().st_mode))
            if kind == DIRECTORY:
                pending += [f"{path}/{name}" for name in os.listdir(here)]
        except (FileNotFoundError, NotADirectoryError):  # it is not there, or has just gone
            continue
        except OSError as error:
            raise BackupError(f"cannot read {shown(path)}: {error.strerror}") from error
        if kind:
            found.add(path)
    return sorted(found, key=os.fsencode)


def look(root: Path, paths: Iterable[str]) -> Tree:
    """Given a root and paths that `walk` found, return what is there.

    Raise BackupError if a file cannot be read.
    """
    found = {}
    for path in paths:
        try:
            found[path] = _describe(below(root, path))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise BackupError(f"cannot read {shown(path)}: {error.strerror}") from error
    return found


def _describe(path: Path) -> dict[str, Any]:
    status = path.lstat()
    kind = _TYPES[stat.S_IFMT(status.st_mode)]
    found: dict[str, Any] = {}
    if kind == "file":
        found = {"size": status.st_size, "sha256": sha256(path)}
    elif kind == "link":
        found = {"target": shown(os.readlink(path))}
    attributes = {
        name: os.getxattr(path, name, follow_symlinks=False)
        for name in os.listxattr(path, follow_symlinks=False)
    }
    return found | common(kind, status.st_mode, status.st_uid, status.st_gid, attributes)


def common(
    kind: str, mode: int, uid: int, gid: int, attributes: dict[str, bytes]
) -> dict[str, Any]:
    """Given what every type of file has, return it as it must come back equal."""
    found: dict[str, Any] = {"type": kind, "uid": uid, "gid": gid}
    if kind != "link":  # on Linux a link's own mode means nothing
        found["mode"] = f"{stat.S_IMODE(mode):04o}"
    kept = {
        name: hashlib.sha256(value).hexdigest()[:32]
        for name, value in attributes.items()
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in _ATTRIBUTES)
    }
    return {**found, "attributes": kept} if kept else found


def below(root: Path, path: str) -> Path:
    """Given a root and an absolute path, return where that is."""
    return root / path.lstrip("/")


def shown(path: str) -> str:
    """Given a path, return it as one line of Unicode, no two paths alike."""
    escaped = path.replace("\\", r"\\").replace("\n", r"\n")
    return os.fsencode(escaped).decode(errors="backslashreplace")


def checksums(tree: Tree) -> Checksums:
    """Given a tree, return its checksums."""
    return {shown(path): found for path, found in tree.items()}


def remove(root: Path, unwanted: Iterable[str]) -> None:
    """Given a root and paths, remove what is there, the deepest first.

    A directory with something in it that nobody asked for stays.
    """
    for path in sorted(unwanted, key=os.fsencode, reverse=True):
        here = below(root, path)
        if here.is_dir() and not here.is_symlink():
            try:
                here.rmdir()
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
        else:
            here.unlink(missing_ok=True)


def place(staged: Path, root: Path, tree: Tree, helper: Helper) -> None:
    """Given where a tree is staged, move it below the root, no file ever half-written."""
    directories = [path for path, found in tree.items() if found["type"] == DIRECTORY]
    times = {path: below(staged, path).stat().st_mtime_ns for path in directories}
    for path, found in tree.items():
        target = below(root, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if found["type"] == DIRECTORY:
            target.mkdir(exist_ok=True)
            _make_alike(below(staged, path), target)
        else:
            _move(below(staged, path), target, helper)
    for path in directories:  # which changed with what was put into them
        os.utime(below(root, path), ns=(times[path], times[path]))


def _move(staged: Path, target: Path, helper: Helper) -> None:
    try:
        staged.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        beside = target.with_name(".janus-restore")
        helper.run(["cp", "--archive", "--no-target-directory", str(staged), str(beside)])
        beside.replace(target)


def _make_alike(staged: Path, target: Path) -> None:
    status = staged.stat()
    os.chown(target, status.st_uid, status.st_gid)
    for name in set(os.listxattr(target)) - set(os.listxattr(staged)):
        os.removexattr(target, name)
    shutil.copystat(staged, target)
