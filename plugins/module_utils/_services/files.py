# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files: configuration directories, compose files and the like, with owners, modes, links and ACLs.

Consistency is `bracketed`: tar reads the files, the checksums are read from the tar, and then the
files are read once more. If they differ, all of it is done again, up to five times; after that the
dump is `fuzzy`, and its checksums still describe what is in the tar.
"""

from __future__ import annotations

import fnmatch
import os
import posixpath
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _checks
from ansible_collections.janus.backup.plugins.module_utils._checksum import Checksums, differences
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import (
    private_directory,
    remove_tree,
    require_space,
)
from ansible_collections.janus.backup.plugins.module_utils._helper import Helper
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _files_tar as tar,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _files_tree as trees,
)

LIBRARIES = ()
DUMP_HELPER: dict[str, Any] = {}
RESTORE_HELPER: dict[str, Any] = {}
# A drill needs no container for it: it restores below options.root.
BELOW_ROOT = True
SMOKE = "*"
_ATTEMPTS = 5
_HEADERS = 2048  # of each file in a tar


def check(service: dict[str, Any]) -> dict[str, Any]:
    """Given a service, look at it and touch nothing.

    Return {version, files, bytes}. Raise BackupError if it is said to be in a container, if a path
    is not absolute, does not exist, or has the backup's own files in it.
    """
    if service["runtime"] != "host":
        raise BackupError("files are the node's own: they need runtime host")
    root, own = _root(service), service["state_directory"]
    for path in service["options"]["paths"]:
        if path != posixpath.normpath(path) or not path.startswith("/"):
            raise BackupError(f"path {trees.shown(path)} is not absolute and in its shortest form")
        if posixpath.commonpath([path, own]) in (path, own):
            raise BackupError(f"path {path} overlaps with {own}, where the backup itself works")
        if not os.path.lexists(trees.below(root, path)):
            raise BackupError(f"there is no {trees.shown(path)}")
    paths, system = _walk(service), os.uname()
    sizes = [trees.below(root, path).lstat().st_size + _HEADERS for path in paths]
    version = f"{system.sysname} {system.release}"
    return {"version": version, "files": len(paths), "bytes": sum(sizes)}


def quiesce(
    service: dict[str, Any], facts: dict[str, Any], remember: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Given a service, do nothing: files cannot be held still. Return an empty token."""
    return {}


def resume(token: dict[str, Any]) -> None:
    """Given a token, do nothing."""


def dump(
    service: dict[str, Any], token: dict[str, Any], directory: Path, helper: Helper
) -> dict[str, Any]:
    """Given a service, its token and an empty directory, write all files into one tar.

    Return {consistency, checksums, tools}. Raise BackupError if a file cannot be read.
    """
    archive, listing = directory / tar.NAME, Path(service["scratch"]) / "files"
    changed: list[str] = []
    for _attempt in range(_ATTEMPTS):
        tar.pack(_walk(service), listing, archive, helper)
        found = trees.checksums(tar.look(archive))
        changed = differences(found, checksum(service))
        if not changed:
            break
    kind, reason = "bracketed", None
    if changed:
        kind = "fuzzy"
        reason = f"files changed during each of {_ATTEMPTS} attempts, the last time {changed[0]}"
    tools = {"tar": helper.run(["tar", "--version"]).splitlines()[0]}
    consistency = {"kind": kind, "reason": reason}
    return {"consistency": consistency, "checksums": found, "tools": tools}


def checksum(service: dict[str, Any]) -> Checksums:
    """Given a service, return the checksums of its files as of now."""
    return trees.checksums(trees.look(_root(service), _walk(service)))


def query(service: dict[str, Any], target: str | None, text: str) -> Any:
    """Given a service, the path of a file and a shell pattern, return the lines that it matches; or
    without a file the paths. Raise BackupError if there is no such file in the service.
    """
    paths = _walk(service)
    if target is None:
        return _checks.plain([[trees.shown(path)] for path in fnmatch.filter(paths, text)])
    if target not in paths:
        raise BackupError(f"there is no {trees.shown(target)}")
    try:
        content = trees.below(_root(service), target).read_text(errors="replace")
    except OSError as error:
        raise BackupError(f"cannot read {trees.shown(target)}: {error.strerror}") from error
    return _checks.plain([[line] for line in fnmatch.filter(content.splitlines(), text)])


def restore(
    service: dict[str, Any], directory: Path, helper: Helper, record: dict[str, Any], replace: bool
) -> None:
    """Given an archived dump and its record, put the files where they were, or below options.root.

    They are unpacked beside, then each is moved into its place. Raise BackupError if there are
    files that differ or are not in the dump, and replace is false.
    """
    root, archive = _root(service), directory / tar.NAME
    present = trees.look(root, _walk(service))
    lost = differences(record["checksums"], trees.checksums(present))
    if (occupied := [why for why in lost if not why.endswith(": missing")]) and not replace:
        raise BackupError(
            f"{len(occupied)} files are there already and differ, first {occupied[0]}: "
            "refusing to overwrite them without replace"
        )
    staged = root / f".janus-restore-{service['name']}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        require_space(root, archive.stat().st_size, f"the files of {service['name']}")
        remove_tree(staged)
        tar.unpack(archive, private_directory(staged), helper)
        wanted = tar.look(archive)
        types = {path: found["type"] for path, found in wanted.items()}
        unwanted = [path for path in present if present[path]["type"] != types.get(path)]
        trees.remove(root, unwanted)
        trees.place(staged, root, wanted, helper)
    except OSError as error:
        raise BackupError(f"cannot put the files in place: {error}") from error
    finally:
        remove_tree(staged)


def _root(service: dict[str, Any]) -> Path:
    return Path(service["options"].get("root", "/"))


def _walk(service: dict[str, Any]) -> list[str]:
    options = service["options"]
    return trees.walk(_root(service), options["paths"], options.get("exclude", []))
