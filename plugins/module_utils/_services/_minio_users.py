# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The users, groups, policies and access keys of a MinIO, as its own export has them."""

from __future__ import annotations

import io
import json
import zipfile

from ansible_collections.janus.backup.plugins.module_utils._checksum import (
    Checksums,
    canonical,
    digest,
)
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_contents as contents,
)

# What changes when an import writes an entry again, and is no part of it.
_BOOKKEEPING = ("updatedAt", "version")
_IAM = {
    "policies.json": "policy",
    "users.json": "user",
    "groups.json": "group",
    "svcaccts.json": "access key",
    "user_mappings.json": "policies of user",
    "group_mappings.json": "policies of group",
}


def exported(api: access.Api, minio: bool) -> bytes:
    """Given a server, return a MinIO's export of users, groups, policies and access keys, secrets
    included: a ZIP file. Nothing of another server.
    """
    return api.ask("GET", f"{contents.ADMIN}/export-iam") if minio else b""


def bring(api: access.Api, archive: bytes) -> None:
    """Given an empty MinIO and an export, import it. Raise BackupError if some of it failed."""
    told = json.loads(api.ask("PUT", f"{contents.ADMIN}/import-iam-v2", body=archive) or b"{}")
    failed = {kind: names for kind, names in (told.get("failed") or {}).items() if names}
    if failed:
        raise BackupError(f"{api.place} did not import {canonical(failed)}")


def checksums(archive: bytes) -> Checksums:
    """Given an export, return the checksum of each entry, its secret included."""
    found: Checksums = {}
    if not archive:
        return found
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        for path in files.namelist():
            kind = _IAM.get(path.rpartition("/")[2])
            for name, entry in (json.loads(files.read(path)) if kind else {}).items():
                kept = {key: value for key, value in entry.items() if key not in _BOOKKEEPING}
                found[f"{kind} {canonical(name)}"] = {"digest": digest(contents.ordered(kept))[:32]}
    return found
