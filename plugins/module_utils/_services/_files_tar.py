# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tar of a dump of files: made and unpacked by GNU tar, and read for what is in it."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._helper import Helper
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _files_tree as trees,
)

NAME = "files.tar"
_CHUNK = 1024 * 1024
_XATTR = "SCHILY.xattr."
# ACLs as the attributes that they are: with ids, which are right on any host.
_KEEP = ["--xattrs", "--xattrs-include=*", "--numeric-owner"]


def pack(paths: Iterable[str], listing: Path, archive: Path, helper: Helper) -> None:
    """Given sorted paths and a file for their list, write them into a tar.

    What changes or goes in the meantime is for the comparison to find. Raise BackupError if tar
    fails otherwise.
    """
    names = [os.fsencode(path.lstrip("/")) for path in paths]
    listing.write_bytes(b"".join(name + b"\0" for name in names))
    # Exit code 1 tells of a file that changed while it was read.
    helper.run(
        [
            *("sh", "-c", '"$@" || [ $? = 1 ]', "sh"),
            *("tar", "--create", f"--file={archive}", "--directory=/", "--format=posix"),
            "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime",
            *("--no-recursion", "--hard-dereference", "--ignore-failed-read", *_KEEP),
            *("--null", "--verbatim-files-from", "--no-unquote", f"--files-from={listing}"),
        ]
    )


def unpack(archive: Path, directory: Path, helper: Helper) -> None:
    """Given a tar, unpack it into an empty directory. Raise BackupError if tar fails."""
    helper.run(
        [
            *("tar", "--extract", f"--file={archive}", f"--directory={directory}"),
            *("--same-permissions", "--same-owner", "--delay-directory-restore", *_KEEP),
        ]
    )


def look(archive: Path) -> trees.Tree:
    """Given a tar, return what is in it. Raise BackupError if it cannot be read."""
    try:
        with tarfile.open(archive, mode="r|") as stream:
            return {f"/{member.name}": _describe(stream, member) for member in stream}
    except (tarfile.TarError, OSError) as error:
        raise BackupError(f"cannot read {archive}: {error}") from error


def _describe(stream: tarfile.TarFile, member: tarfile.TarInfo) -> dict[str, Any]:
    found: dict[str, Any] = {}
    kind = "pipe"
    if member.isdir():
        kind = trees.DIRECTORY
    elif member.issym():
        kind, found = "link", {"target": trees.shown(member.linkname)}
    elif member.isfile():
        digest, content = hashlib.sha256(), stream.extractfile(member)
        while content and (chunk := content.read(_CHUNK)):
            digest.update(chunk)
        kind, found = "file", {"size": member.size, "sha256": digest.hexdigest()}
    attributes = {
        name.removeprefix(_XATTR): value.encode(errors="surrogateescape")
        for name, value in member.pax_headers.items()
        if name.startswith(_XATTR)
    }
    return found | trees.common(kind, member.mode, member.uid, member.gid, attributes)
