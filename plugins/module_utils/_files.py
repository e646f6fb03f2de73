# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that never look finished before they are, and hashes in flat memory."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

_CHUNK = 1024 * 1024


def sha256(path: Path) -> str:
    """Given a file, return its SHA-256 in hexadecimal, reading 1 MiB at a time.

    Raise OSError if it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def write_atomically(path: Path, text: str, mode: int = 0o600) -> None:
    """Given a path and its new text, write a sibling, sync it and rename it into place.

    Raise OSError if the directory cannot be written.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def private_directory(path: Path) -> Path:
    """Given a path, make it a directory that only its owner can enter, parents included."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def remove_tree(path: Path) -> None:
    """Given a directory or nothing, leave nothing. Raise OSError if something resists."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def read_secret(path: Path | str) -> str:
    """Given the file of a secret, return its text without the closing newline.

    Raise BackupError if the file is missing, or readable by anyone but its owner.
    """
    secret = Path(path)
    try:
        if stat.S_IMODE(secret.stat().st_mode) & 0o077:
            raise BackupError(f"refusing to read {secret}: others than its owner can read it")
        return secret.read_text(encoding="utf-8").rstrip("\n")
    except OSError as error:
        raise BackupError(f"cannot read the secret in {secret}: {error.strerror}") from error


def require_space(directory: Path, needed: int, purpose: str) -> None:
    """Given a directory and bytes needed, raise BackupError if its file system lacks them."""
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise BackupError(
            f"no space for {purpose}: {needed / 1e6:.0f} MB needed in {directory}, "
            f"{free / 1e6:.0f} MB free"
        )
