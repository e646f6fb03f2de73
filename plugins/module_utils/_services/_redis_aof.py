# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The append only file of Redis 7: a base, what was written since, and the manifest that names
them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def parse(manifest: str) -> list[tuple[str, int, str]]:
    """Given the text of a manifest, return (file, number, type) of each base and incremental file,
    in order. Raise BackupError if it cannot be read.
    """
    found = []
    for line in manifest.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        words = line.split()
        pairs = dict(zip(words[::2], words[1::2], strict=False))
        if len(words) % 2 or not {"file", "seq", "type"} <= pairs.keys() or '"' in line:
            raise BackupError(f"cannot read the manifest of the append only file: {line}")
        if pairs["type"] != "h":  # history, about to be deleted
            found.append((pairs["file"], int(pairs["seq"]), pairs["type"]))
    return found


def text(entries: list[tuple[str, int, str]]) -> str:
    """Given (file, number, type) of each file, return the manifest that names them."""
    return "".join(f"file {name} seq {number} type {kind}\n" for name, number, kind in entries)


def look(place: Path, folder: Path, name: str) -> dict[str, Any]:
    """Given where this host sees the server's append only directory, its path for the server, and
    the file name, return {folder, manifest, entries, cut} as of now: cut is the length of the last
    file.

    Raise BackupError if it is not there.
    """
    try:
        manifest = (place / f"{name}.manifest").read_text(encoding="utf-8")
        entries = parse(manifest)
        cut = (place / entries[-1][0]).stat().st_size
    except (OSError, IndexError) as error:
        raise BackupError(f"cannot read the append only file in {folder}: {error}") from error
    return {
        "folder": str(folder),
        "manifest": str(folder / f"{name}.manifest"),
        "entries": entries,
        "cut": cut,
    }
