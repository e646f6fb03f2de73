# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key of a repository, exported: encrypted with the repository's passphrase as it is in there.

Borg exports whatever stands where the key should be, so nobody trusts an export that has not opened
the repository: a good one is never replaced by it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _borg
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import (
    private_directory,
    write_atomically,
)


def export(access: dict[str, Any], repository: str, form: str = "") -> str:
    """Given how to reach a repository, return its key: the text of a file that Borg imports again.

    With a form, --paper or --qr-html, it is a text or a page to print. Raise BackupError if the
    repository cannot be reached or has no key.
    """
    arguments = ["key", "export", *([form] if form else []), repository]
    return _borg.run(access, arguments)


def fingerprint(key: str) -> str:
    """Given an exported key, return the SHA-256 by which it is known without being shown."""
    return hashlib.sha256(key.encode()).hexdigest()


def keep(access: dict[str, Any], repository: str, path: Path, write: bool = True) -> dict[str, Any]:
    """Given a repository and the file of its exported key, have the file hold the present key.

    Return {changed, fingerprint}. Raise BackupError, and leave the file as it is, if the repository
    does not open with the passphrase and the key that is in it now.
    """
    key = export(access, repository)
    kept = path.read_text(encoding="utf-8") if path.is_file() else None
    changed = key != kept
    if changed:
        try:
            _borg.run(access, ["list", "--last", "1", repository])
        except BackupError as error:
            left = f"; {path}, exported earlier, is left as it is" if kept is not None else ""
            raise BackupError(f"refusing to keep the key of {repository}: {error}{left}") from error
    if changed and write:
        private_directory(path.parent)
        write_atomically(path, key)
    return {"changed": changed, "fingerprint": fingerprint(key)}
