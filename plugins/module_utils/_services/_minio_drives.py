# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drives of a MinIO: held still as a tree of hard links in each, and put back.

MinIO never writes into a file that is an object's: it writes another one and renames it. So the
links keep what was there when they were made, and cost no space but for what changes meanwhile.
It takes no notice of a directory whose name no bucket can have.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _container, _in_place
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._helper import Helper

OWN = ".janus-backup"
# How an object's directory is known, and the end of its name when the key ends with a slash.
_META = "xl.meta"
_FOLDER = "__XLDIR__"
# Uploads that are under way, and what is about to be deleted, are no part of a backup. A file that
# goes while links are made does no harm: the listings before and after will differ.
_LINK = """set -eu
export LC_ALL=C
mkdir -p "$2/.minio.sys"
chown --reference="$1/.minio.sys" "$2/.minio.sys"
chmod --reference="$1/.minio.sys" "$2/.minio.sys"
cd "$1"
for entry in .[!.]* * .minio.sys/.[!.]* .minio.sys/*; do
    case $entry in .minio.sys | .minio.sys/tmp | .minio.sys/multipart) continue ;; esac
    case $entry in .janus-* | lost+found) continue ;; esac
    if [ -e "$entry" ]; then
        case $entry in .minio.sys/*) place=$2/.minio.sys ;; *) place=$2 ;; esac
        cp -al "$entry" "$place/" 2>>"$2.said" || :
    fi
done
[ ! -e "$2.said" ] || while IFS= read -r line; do
    case $line in *": No such file or directory") ;; *) echo "$line" && exit 1 ;; esac
done <"$2.said"
rm -f "$2.said"
"""
# Renamed first, so that a process that still makes links finds no place for them any more.
_UNLINK = """for name in "$1" "$1.said"; do
    [ ! -e "$name" ] || { rm -rf "$1.gone" && mv "$name" "$1.gone"; }
done
for _attempt in 1 2 3 4 5 6 7 8 9 10; do
    rm -rf "$1.gone" && break
    sleep 1
done
[ ! -e "$1.gone" ] || exit 1
rmdir -p --ignore-fail-on-non-empty "$(dirname "$1")" 2>/dev/null || :
"""
_COPY = """set -e
rm -rf "$2/.janus-restore"
mkdir "$2/.janus-restore"
cp -a --reflink=auto "$1/." "$2/.janus-restore/"
"""
_EXCHANGE = """set -e
cd "$1"
for entry in .minio.sys .[!.]* *; do
    case $entry in .janus-* | lost+found) ;; *) rm -rf "$entry" ;; esac
done
for entry in .janus-restore/* .janus-restore/.[!.]*; do
    [ ! -e "$entry" ] || mv "$entry" .
done
rmdir .janus-restore
sync
"""


def of(information: dict[str, Any], place: str) -> list[str]:
    """Given what a MinIO tells of itself, return where it has its drives, as it sees them.

    Raise BackupError if they are not all on one server and in order.
    """
    servers = information["servers"]
    if len(servers) != 1:
        raise BackupError(
            f"{place} is one of {len(servers)} servers: use the method s3, which reads from all"
        )
    bad = [drive["path"] for drive in servers[0]["drives"] if drive["state"] != "ok"]
    if bad:
        raise BackupError(f"{place}: drive {', '.join(bad)} is not in order")
    return [drive["path"] for drive in servers[0]["drives"]]


def trees(service: dict[str, Any], drives: list[str]) -> dict[str, dict[str, str]]:
    """Given a service and its drives, return for each the tree that is archived: {name in the
    dump: {drive, tree}}, both as the service sees them.
    """
    return {
        name: {"drive": drive, "tree": str(_in_place.tree(Path(drive) / OWN, service, name))}
        for name, drive in zip(_names(len(drives)), drives, strict=True)
    }


def _names(count: int) -> list[str]:
    return ["data"] if count == 1 else [f"data{number}" for number in range(1, count + 1)]


def on_host(service: dict[str, Any], path: str) -> Path:
    """Given a path as the service sees it, return where this host has it.

    Raise BackupError if it is on no volume.
    """
    if service["runtime"] == "host":
        return Path(path)
    return _container.host_path(_container.inspect(service["container"], False), Path(path))


def hidden(roots: list[Path], bucket: str) -> list[str]:
    """Given where the drives are and a bucket, return the keys that its listings leave out.

    MinIO keeps and gives an object "a/b" beside an object "a", but never lists it.
    """
    found: set[str] = set()
    for folder in (root / bucket for root in roots):
        for path in _nested(folder, False):
            key = str(path.relative_to(folder))
            if key.endswith(_FOLDER):
                key = key.removesuffix(_FOLDER) + "/"
            found.add(key)
    return sorted(found)


def _nested(folder: Path, inside: bool) -> Iterator[Path]:
    """Yield the directories of objects that are somewhere below another object's."""
    try:
        with os.scandir(folder) as entries:
            names = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
    except FileNotFoundError:  # deleted in the meantime
        return
    is_object = _META in names
    if is_object and inside:
        yield folder
    for name, is_folder in sorted(names.items()):
        if is_folder:
            yield from _nested(folder / name, inside or is_object)


def link(helper: Helper, made: dict[str, dict[str, str]]) -> None:
    """Given trees, make each anew from its drive as of now."""
    unlink(helper, made)
    for tree in made.values():
        helper.run(["sh", "-c", _LINK, "sh", tree["drive"], tree["tree"]])


def unlink(helper: Helper, made: dict[str, dict[str, str]]) -> None:
    """Given trees, remove them and the directories above them that are ours."""
    for tree in made.values():
        helper.run(["sh", "-c", _UNLINK, "sh", tree["tree"]])


def copy(helper: Helper, directory: Path, made: dict[str, dict[str, str]]) -> None:
    """Given a dump and its trees, copy each onto its drive, beside what is there."""
    for name, tree in made.items():
        helper.run(["sh", "-c", _COPY, "sh", str(directory / name), tree["drive"]])


def exchange(helper: Helper, made: dict[str, dict[str, str]]) -> None:
    """Given trees that were copied onto drives of a server that is stopped, put them in place."""
    for tree in made.values():
        helper.run(["sh", "-c", _EXCHANGE, "sh", tree["drive"]])
