# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checksums of objects, from a listing in a file or read from a server."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from ansible_collections.janus.backup.plugins.module_utils._checksum import (
    Checksums,
    canonical,
    digest,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_contents as contents,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_survey as survey,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_users as users,
)

# Up to so many versions of a bucket each has a checksum of its own.
LIMIT = 10_000
# What another server cannot be given once it is past.
_RETENTION = ("x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date")


def of_listing(path: Path, exact: bool) -> Checksums:
    """Given the file of a listing, return the checksums of its objects.

    exact: as a drive keeps them, with version ids and times, which another server cannot take.
    """
    counts = Counter(entry["bucket"] for entry in survey.entries_in(path))
    found: Checksums = {}
    for bucket, entries in itertools.groupby(survey.entries_in(path), itemgetter("bucket")):
        found.update(of_bucket(bucket, entries, counts[bucket] <= LIMIT, exact))
    return found


def of_server(server: survey.Server, exact: bool) -> Checksums:
    """Given a server, read every version of every object and return the checksums."""
    found: Checksums = {}
    for bucket in contents.buckets(server.api):
        count = sum(1 for _entry in server.versions(bucket))
        entries = (
            entry | (read or {})
            for entry in server.versions(bucket)
            if (read := {} if entry["marker"] else survey.read(server.api, entry, len)) is not None
        )
        found.update(of_bucket(bucket, entries, count <= LIMIT, exact))
    return found


def of_state(settings: dict[str, dict[str, str]], export: bytes) -> Checksums:
    """Given the settings of all buckets and the export of users, return their checksums."""
    found = users.checksums(export)
    for bucket, values in settings.items():
        found |= contents.of_bucket(bucket, values)
    return found


def of_state_now(api: access.Api, minio: bool) -> Checksums:
    """Given a server, return the checksums of all but its objects as of now."""
    return of_state(contents.settings(api, minio), users.exported(api, minio))


def of_bucket(
    bucket: str, entries: Iterable[survey.Entry], individually: bool, exact: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the checksum of each version; in a large bucket, of ranges of about 256 keys each,
    which begin where the keys say, so that most stay as they are when keys come and go.
    """
    label = f"bucket {canonical(bucket)}"
    if individually:
        for name, value in _of_versions(entries, exact):
            yield f"{label} object {name}", value
        return
    begun, count, size, summed = "", 0, 0, hashlib.sha256()
    for name, value in _of_versions(entries, exact):
        hashed = hashlib.sha256(name.encode()).digest()
        if count and hashed[0] == 0:
            yield begun, {"versions": count, "bytes": size, "digest": summed.hexdigest()[:32]}
            count, size, summed = 0, 0, hashlib.sha256()
        if not count:
            begun = f"{label} objects from {name}"
        count, size = count + 1, size + value.get("size", 0)
        summed.update(canonical([name, value]).encode())
    if count:
        yield begun, {"versions": count, "bytes": size, "digest": summed.hexdigest()[:32]}


def _of_versions(
    entries: Iterable[survey.Entry], exact: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and checksum of each version: by its id, or by its place among its key's."""
    for key, group in itertools.groupby(entries, itemgetter("key")):
        name = canonical(key)
        values = [(entry["version"], _value(entry, exact)) for entry in group]
        for number, (version, value) in enumerate(reversed(values), 1):
            if exact:
                yield (name if version == "null" else f"{name} version {version}"), value
            else:
                yield (name if number == 1 else f"{name} version {number}"), value


def _value(entry: survey.Entry, exact: bool) -> dict[str, Any]:
    value = {"modified": entry["modified"]} if exact else {}
    if entry["marker"]:
        return value | {"deleted": True}
    headers = entry["headers"]
    if exact:
        value["etag"] = entry["etag"]
    else:
        headers = {name: text for name, text in headers.items() if name not in _RETENTION}
    described = digest([headers, sorted(parse_qsl(entry["tagging"], keep_blank_values=True))])[:16]
    return value | {"size": entry["size"], "sha256": entry["sha256"], "metadata": described}
