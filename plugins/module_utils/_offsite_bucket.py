# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bucket that outlives whoever holds the keys of the node: versioned, with object lock and a
default retention, old versions expired by the server only, and users who can neither delete a
version nor change any of this.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _minio_admin, _s3
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

Step = tuple[str, Callable[[], Any]]

_SHOW_BUCKET = (
    "GetBucketLocation",
    "GetBucketObjectLockConfiguration",
    "GetBucketVersioning",
    "ListBucket",
    "ListBucketMultipartUploads",
    "ListBucketVersions",
)
_READ = ("GetObject", "GetObjectVersion")
# Deleting without naming a version only puts a marker over it.
_WRITE = ("AbortMultipartUpload", "DeleteObject", "ListMultipartUploadParts", "PutObject")
_NEVER = (
    "BypassGovernanceRetention",
    "DeleteObjectVersion",
    "PutObjectLegalHold",
    "PutObjectRetention",
)


def policy(bucket: str, writes: bool) -> dict[str, Any]:
    """Given a bucket, return what a user of it may do: read, and write when asked for."""

    def statement(effect: str, actions: tuple[str, ...], resource: str) -> dict[str, Any]:
        named = sorted(f"s3:{action}" for action in actions)
        return {"Effect": effect, "Action": named, "Resource": [f"arn:aws:s3:::{resource}"]}

    return {
        "Version": "2012-10-17",
        "Statement": [
            statement("Allow", _SHOW_BUCKET, bucket),
            statement("Allow", _READ + (_WRITE if writes else ()), f"{bucket}/*"),
            statement("Deny", _NEVER if writes else _NEVER + _WRITE, f"{bucket}/*"),
        ],
    }


def steps(
    admin: _s3.Access, bucket: str, mode: str, days: int, users: list[dict[str, Any]]
) -> list[Step]:
    """Given an administrator's access and how bucket and users shall be, return what is to be
    done for it: a sentence and the call that does it, in order; empty when all is so.

    Raise BackupError if the bucket exists without object lock, which cannot be had later.
    """
    result = _bucket_steps(admin, bucket, mode, days)
    for user in users:
        result += _user_steps(admin, bucket, user)
    return result


def immutable_days(access: _s3.Access, bucket: str) -> int:
    """Given a bucket, return for how many days it keeps every version, 0 if it does not.

    Raise BackupError if it cannot be seen.
    """
    if b"<Status>Enabled</Status>" not in _s3.ask(access, "GET", f"/{bucket}", {"versioning": ""}):
        return 0
    _mode, days = _lock(access, bucket)
    return days


def _lock(access: _s3.Access, bucket: str) -> tuple[str | None, int]:
    """Return mode and days of the default retention."""
    try:
        text = _s3.ask(access, "GET", f"/{bucket}", {"object-lock": ""}).decode()
    except _s3.RefusedError as error:
        if error.code == "ObjectLockConfigurationNotFoundError":
            return None, 0
        raise
    found = re.search(r"<Mode>(\w+)</Mode>\s*<(Days|Years)>(\d+)<", text)
    if not found:
        return "", 0
    return found[1], int(found[3]) * (365 if found[2] == "Years" else 1)


def _bucket_steps(admin: _s3.Access, bucket: str, mode: str, days: int) -> list[Step]:
    place = f"/{bucket}"
    result: list[Step] = []
    try:
        _s3.ask(admin, "GET", place, {"location": ""})
        lock = _lock(admin, bucket)
        if lock[0] is None:
            raise BackupError(
                f"bucket {bucket} has no object lock, which only a new bucket can be given: "
                "name another bucket"
            )
        lifecycle = _lifecycle(admin, bucket)
    except _s3.RefusedError as error:
        if error.code != "NoSuchBucket":
            raise
        made = {"x-amz-bucket-object-lock-enabled": "true"}
        result.append((f"make bucket {bucket}", lambda: _s3.ask(admin, "PUT", place, headers=made)))
        lock, lifecycle = ("", 0), ""
    if lock != (mode.upper(), days):
        rule = (
            "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>"
            f"<DefaultRetention><Mode>{mode.upper()}</Mode><Days>{days}</Days></DefaultRetention>"
            "</Rule></ObjectLockConfiguration>"
        )
        result.append(
            (
                f"retain every version in {bucket} for {days} days ({mode})",
                lambda: _put(admin, place, "object-lock", rule),
            )
        )
    if f"<NoncurrentDays>{days}</NoncurrentDays>" not in lifecycle:
        rules = (
            "<LifecycleConfiguration><Rule><ID>janus-backup</ID><Status>Enabled</Status>"
            "<Filter><Prefix></Prefix></Filter><NoncurrentVersionExpiration>"
            f"<NoncurrentDays>{days}</NoncurrentDays></NoncurrentVersionExpiration>"
            "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"
            "</Rule></LifecycleConfiguration>"
        )
        result.append(
            (
                f"expire versions in {bucket} {days} days after they were replaced or deleted",
                lambda: _put(admin, place, "lifecycle", rules),
            )
        )
    return result


def _put(admin: _s3.Access, place: str, what: str, body: str) -> None:
    digest = base64.b64encode(hashlib.md5(body.encode()).digest()).decode()
    _s3.ask(admin, "PUT", place, {what: ""}, body.encode(), {"content-md5": digest})


def _lifecycle(admin: _s3.Access, bucket: str) -> str:
    try:
        return _s3.ask(admin, "GET", f"/{bucket}", {"lifecycle": ""}).decode()
    except _s3.RefusedError as error:
        if error.code == "NoSuchLifecycleConfiguration":
            return ""
        raise


def _user_steps(admin: _s3.Access, bucket: str, user: dict[str, Any]) -> list[Step]:
    name, key = f"janus-backup-{bucket}-{user['access']}", user["access_key"]
    document = policy(bucket, user["access"] == "write")
    result: list[Step] = []
    if _canonical(_minio_admin.policy(admin, name)) != _canonical(document):
        result.append(
            (f"make policy {name}", lambda: _minio_admin.set_policy(admin, name, document))
        )
    known = _minio_admin.user_policy(admin, key)
    if known is None or not _opens(admin, user):
        result.append(
            (
                f"{'make user' if known is None else 'replace the secret key of'} {key}",
                lambda: _minio_admin.set_user(admin, key, user["secret_key"]),
            )
        )
    if known != name:
        result.append((f"give {key} policy {name}", lambda: _minio_admin.attach(admin, name, key)))
    return result


def _opens(admin: _s3.Access, user: dict[str, Any]) -> bool:
    """Tell whether the server takes the user's keys, whatever they are good for."""
    access = _s3.Access(
        admin.endpoint, user["access_key"], user["secret_key"], admin.region, admin.ca_file
    )
    try:
        _s3.ask(access, "GET", "/")
    except _s3.RefusedError as error:
        return error.code not in ("SignatureDoesNotMatch", "InvalidAccessKeyId")
    return True


def _canonical(document: dict[str, Any] | None) -> str:
    """Return a policy in a form in which equal ones are equal: the server keeps sets, not lists."""
    if document is None:
        return ""
    statements = [
        {key: sorted(value) if isinstance(value, list) else value for key, value in each.items()}
        for each in document["Statement"]
    ]
    return json.dumps(sorted(statements, key=json.dumps), sort_keys=True)
