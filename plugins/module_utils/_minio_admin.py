# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users and policies of a MinIO server, by its admin API: what S3 itself has no request for."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _s3
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

_API = "/minio/admin/v3"
_PBKDF2_AES_GCM = b"\x02"
_FRAGMENT = 1 << 14


def policy(admin: _s3.Access, name: str) -> dict[str, Any] | None:
    """Given an administrator's access and a policy's name, return the policy, None if none."""
    try:
        answer = _s3.ask(admin, "GET", f"{_API}/info-canned-policy", {"name": name, "v": "2"})
    except _s3.RefusedError as error:
        if error.code == "XMinioAdminNoSuchPolicy":
            return None
        raise
    found: dict[str, Any] = json.loads(answer)["Policy"]
    return found


def set_policy(admin: _s3.Access, name: str, document: dict[str, Any]) -> None:
    """Given a policy's name and document, make or replace it."""
    body = json.dumps(document).encode()
    _s3.ask(admin, "PUT", f"{_API}/add-canned-policy", {"name": name}, body)


def user_policy(admin: _s3.Access, user: str) -> str | None:
    """Given a user's access key, return the name of the user's policy, None without such a user."""
    try:
        answer = _s3.ask(admin, "GET", f"{_API}/user-info", {"accessKey": user})
    except _s3.RefusedError as error:
        if error.code == "XMinioAdminNoSuchUser":
            return None
        raise
    return str(json.loads(answer).get("policyName", ""))


def set_user(admin: _s3.Access, user: str, secret: str) -> None:
    """Given a user's keys, make the user or replace the secret key."""
    body = json.dumps({"secretKey": secret, "status": "enabled"}).encode()
    sealed = _sealed(admin.secret_key, body)
    _s3.ask(admin, "PUT", f"{_API}/add-user", {"accessKey": user}, sealed)


def attach(admin: _s3.Access, name: str, user: str) -> None:
    """Given a policy's name and a user, make it the user's only policy."""
    query = {"policyName": name, "userOrGroup": user, "isGroup": "false"}
    _s3.ask(admin, "PUT", f"{_API}/set-user-or-group-policy", query)


def _sealed(password: str, text: bytes) -> bytes:
    """Return a text encrypted as the API wants what is secret: a key from the password by PBKDF2,
    then AES-GCM of one fragment, bound by a first tag over nothing.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if len(text) >= _FRAGMENT:
        raise BackupError("cannot send more than 16 KiB to the admin API in one piece")
    salt, nonce = os.urandom(32), os.urandom(8)
    cipher = AESGCM(hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 8192, 32))
    tag = cipher.encrypt(nonce + struct.pack("<I", 0), b"", b"")
    last = cipher.encrypt(nonce + struct.pack("<I", 1), text, b"\x80" + tag)
    return salt + _PBKDF2_AES_GCM + nonce + last
