# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Part of a bucket, moved about on one server: kept aside, removed, brought back, with all its
versions in their order.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_contents as contents,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_survey as survey,
)

# What one request copies at most, https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
_COPIED_AT_ONCE = 5 * 1024**3
_DONE = "<Tagging><TagSet><Tag><Key>janus.backup</Key><Value>done</Value></Tag></TagSet></Tagging>"


@dataclass(frozen=True)
class Place:
    """A bucket, a prefix in one, or an object; start is the prefix, or the key."""

    kind: str
    bucket: str
    start: str

    def __str__(self) -> str:
        return f"{self.bucket}/{self.start}" if self.start else self.bucket

    def holds(self, key: str) -> bool:
        """Tell whether a key of the bucket is in this place."""
        return key == self.start if self.kind == "object" else key.startswith(self.start)


def place(kind: str, path: str, kinds: dict[str, str]) -> Place:
    """Given a kind and a path, return the place. Raise BackupError if the path is none."""
    bucket, _slash, start = path.partition("/")
    if not bucket or bool(start) == (kind == "bucket"):
        raise BackupError(f"{path} is not {kinds[kind]}")
    return Place(kind, bucket, start)


def aside(bucket: str, mark: str) -> str:
    """Given a bucket and a restore's mark, return the name of the bucket for what was there."""
    return f"{bucket[:40].rstrip('.-')}-before-{mark}".lower()


def versions(server: survey.Server, where: Place) -> Iterator[survey.Entry]:
    """Given a server and a place, yield all versions there, the newest of a key first."""
    return (entry for entry in server.versions(where.bucket) if where.holds(entry["key"]))


def too_big(server: survey.Server, where: Place) -> str | None:
    """Return an object that cannot be kept aside, or None."""
    for entry in versions(server, where):
        if entry["size"] > _COPIED_AT_ONCE:
            return survey.place(entry)
    return None


def moved(
    entries: list[survey.Entry], origin: Place, target: Place, versioned: bool
) -> list[survey.Entry]:
    """Given versions of one place, return them as those of another; where no versions are kept,
    the newest of each key only.
    """
    found = []
    for _key, group in itertools.groupby(entries, survey.place):
        chosen = list(group)
        found += chosen if versioned else [each for each in chosen[:1] if not each["marker"]]
    return [
        {
            **entry,
            "bucket": target.bucket,
            "key": target.start + entry["key"].removeprefix(origin.start),
        }
        for entry in found
    ]


def oldest_first(entries: Iterable[survey.Entry]) -> Iterator[survey.Entry]:
    """Given versions, the newest of each key first, yield them in the order they were made in."""
    for _key, group in itertools.groupby(entries, survey.place):
        yield from reversed(list(group))


@contextlib.contextmanager
def versions_kept(api: access.Api, bucket: str) -> Iterator[None]:
    """Given a bucket, keep versions meanwhile if it has some: one in which that is suspended would
    keep the last only.
    """
    query = {"versioning": ""}
    suspended = b"Suspended" in api.ask("GET", f"/{bucket}", query)
    if suspended:
        contents.set_setting(api, bucket, "versioning", "Enabled")
    yield
    if suspended:
        contents.set_setting(api, bucket, "versioning", "Suspended")


def keep_aside(
    server: survey.Server, where: Place, bucket: str, entries: list[survey.Entry]
) -> None:
    """Given a place, the name of a bucket and the versions of the place, copy them there."""
    server.api.ask("PUT", f"/{bucket}")
    contents.set_setting(server.api, bucket, "versioning", "Enabled")
    _copy(server.api, entries, bucket)
    kept = [_content(entry) for entry in server.versions(bucket)]
    if sorted(kept) != sorted(map(_content, entries)):
        raise BackupError(f"what is at {where} could not be kept aside in bucket {bucket}")


def bring_back(server: survey.Server, where: Place, bucket: str) -> None:
    """Given an empty place and the bucket with what was there, copy it back."""
    kept = list(server.versions(bucket))
    with versions_kept(server.api, where.bucket):
        _copy(server.api, kept, where.bucket)
    if sorted(map(_content, versions(server, where))) != sorted(map(_content, kept)):
        raise BackupError(f"what was at {where} is still in bucket {bucket} only")


def clear(server: survey.Server, where: Place) -> None:
    """Given a place, remove every version there."""
    for entry in list(versions(server, where)):
        server.api.ask("DELETE", survey.place(entry), {"versionId": entry["version"]})


def remove(server: survey.Server, bucket: str) -> None:
    """Given a bucket, remove it with all that is in it."""
    clear(server, Place("bucket", bucket, ""))
    server.api.ask("DELETE", f"/{bucket}")


def done(api: access.Api, bucket: str) -> None:
    """Given a bucket that was kept aside and brought back, say so on it: from now on it may go, in
    however many attempts.
    """
    contents.set_setting(api, bucket, "tagging", _DONE)


def is_done(api: access.Api, bucket: str) -> bool:
    """Given a bucket that was kept aside, tell whether it was brought back."""
    try:
        return b"<Key>janus.backup</Key>" in api.ask("GET", f"/{bucket}", {"tagging": ""})
    except access.S3Error as error:
        if error.status != 404:
            raise
        return False


def renamed(settings: dict[str, str], bucket: str, name: str) -> dict[str, str]:
    """Given a bucket's settings, return them for one of another name, which its policy has."""
    if bucket == name or "policy" not in settings:
        return settings
    policy = settings["policy"]
    for end in ('"', "/"):
        policy = policy.replace(f"arn:aws:s3:::{bucket}{end}", f"arn:aws:s3:::{name}{end}")
    return {**settings, "policy": policy}


def set_before(server: survey.Server, bucket: str, wanted: dict[str, str]) -> None:
    """Given a bucket and its settings to be, make those so that are to be before its objects, and
    take away what is not to be.
    """
    now = contents.settings_of(server.api, bucket, server.minio)
    for name in (*contents.BEFORE, "lifecycle", "quota"):
        if name in now and name not in wanted:
            if name == "quota":
                contents.set_setting(server.api, bucket, name, "0")
            else:
                server.api.ask("DELETE", f"/{bucket}", {name: ""})
    for name in contents.BEFORE:
        if name in wanted:
            contents.set_setting(server.api, bucket, name, wanted[name])
    if "versioning" in wanted and "object-lock" not in wanted:
        contents.set_setting(server.api, bucket, "versioning", "Enabled")


def set_after(server: survey.Server, bucket: str, wanted: dict[str, str]) -> None:
    """Given a bucket with its objects and its settings to be, make the other ones so. Versions
    that were kept once can only be suspended.
    """
    now = contents.settings_of(server.api, bucket, server.minio)
    if wanted.get("versioning") == "Suspended" or ("versioning" in now) > ("versioning" in wanted):
        contents.set_setting(server.api, bucket, "versioning", "Suspended")
    for name in (*contents.AFTER, "quota"):
        if name in wanted:
            contents.set_setting(server.api, bucket, name, wanted[name])


def _copy(api: access.Api, entries: Iterable[survey.Entry], bucket: str) -> None:
    for entry in oldest_first(entries):
        target = f"/{bucket}/{entry['key']}"
        if entry["marker"]:
            api.ask("DELETE", target)
            continue
        version = quote(entry["version"], safe="")
        source = f"{quote(survey.place(entry), safe='/~')}?versionId={version}"
        api.ask("PUT", target, headers={"x-amz-copy-source": source})


def _content(entry: survey.Entry) -> tuple[str, int, bool]:
    return entry["key"], entry["size"], entry["marker"]
