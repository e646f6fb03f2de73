# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look at every version of every object: listed, and read for its SHA-256 when it is new or
changed since the last look.

A listing is a file of one JSON object for each version, in the order of the server. What was read
is remembered in the state directory, so that an unchanged object is not read again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._checksum import canonical, digest
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import private_directory
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_contents as contents,
)

Entry = dict[str, Any]
Found = dict[str, Any]
Sink = Callable[[bytes], object]
_COMMIT = 500
_KEPT = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
    "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
)


class Known:
    """What earlier looks found: SHA-256 and headers of versions, by all that a listing tells."""

    def __init__(self, path: Path) -> None:
        private_directory(path.parent)
        self._path = path
        try:
            self._open()
        except sqlite3.DatabaseError:  # it only saves reading, so a damaged one is begun anew
            path.unlink()
            self._open()
        self._changes = 0

    def _open(self) -> None:
        self._database = sqlite3.connect(self._path)
        self._path.chmod(0o600)
        for table in ("known", "fresh"):
            self._database.execute(
                f"CREATE TABLE IF NOT EXISTS {table}"
                " (version TEXT PRIMARY KEY, found TEXT NOT NULL) WITHOUT ROWID"
            )
        # A look that was killed has left what it had found up to then.
        self._database.execute("INSERT OR REPLACE INTO known SELECT * FROM fresh")
        self._database.execute("DELETE FROM fresh")
        self._database.commit()

    def get(self, version: str) -> Found | None:
        """Return what is known of a version, or None."""
        for table in ("fresh", "known"):
            query = f"SELECT found FROM {table} WHERE version = ?"
            if row := self._database.execute(query, (version,)).fetchone():
                found: Found = json.loads(row[0])
                return found
        return None

    def put(self, version: str, found: Found) -> None:
        """Remember what was found of a version."""
        statement = "INSERT OR REPLACE INTO fresh VALUES (?, ?)"
        self._database.execute(statement, (version, json.dumps(found)))
        self._changes += 1
        if self._changes % _COMMIT == 0:
            self._database.commit()

    def finish(self) -> None:
        """Forget what this look has not seen: it is gone from the server."""
        self._database.execute("DELETE FROM known")
        self._database.execute("INSERT INTO known SELECT * FROM fresh")
        self._database.execute("DELETE FROM fresh")
        self._database.commit()

    def close(self) -> None:
        """Keep what was found and close the file."""
        self._database.commit()
        self._database.close()


@dataclass(frozen=True)
class Server:
    """A server to look at: whether it is a MinIO, and what tells the keys of a bucket that it has
    and does not list.
    """

    api: access.Api
    minio: bool
    hidden: Callable[[str], list[str]]

    def versions(self, bucket: str) -> Iterator[Entry]:
        """Given a bucket, yield every version of every object; of a hidden one the present one."""
        yield from contents.versions(self.api, bucket, self.minio)
        for key in self.hidden(bucket):
            if entry := contents.present(self.api, bucket, key):
                yield entry

    def listed(self, before: str | None = None) -> Iterator[Entry]:
        """Yield every version in all buckets, of those made before a moment when one is given."""
        for bucket in contents.buckets(self.api):
            for entry in self.versions(bucket):
                if before is None or entry["modified"] < before:
                    yield entry


def identity(entries: Iterable[Entry]) -> str:
    """Given the versions of a listing, return what is the same only for the same listing."""
    summed = hashlib.sha256()
    for entry in entries:
        summed.update(canonical(entry).encode())
    return summed.hexdigest()


def look(
    api: access.Api,
    entries: Iterable[Entry],
    path: Path,
    known: Known,
    fetch: Callable[[access.Api, Entry], Found | None] | None = None,
    holds: Callable[[Found], bool] | None = None,
) -> tuple[str, int]:
    """Given the versions of a server, write the listing, with SHA-256 and headers of each.

    What is not known, or is not held any more, is read by fetch, else only to be hashed. A version
    that is gone by then is left out. Return what `identity` would, and how many were read.
    """
    summed, count = hashlib.sha256(), 0
    with path.open("w", encoding="utf-8") as stream:
        path.chmod(0o600)
        for entry in entries:
            summed.update(canonical(entry).encode())
            if entry["marker"]:
                stream.write(canonical(entry) + "\n")
                continue
            name = digest(entry)
            found = known.get(name)
            if found is None or (holds and not holds(entry | found)):
                count += 1
                found = fetch(api, entry) if fetch else read(api, entry, len)
            if found is not None:
                known.put(name, found)
                stream.write(canonical(entry | found) + "\n")
    return summed.hexdigest(), count


def read(api: access.Api, entry: Entry, sink: Sink) -> Found | None:
    """Given a version, read it into a sink and return {sha256, headers, tagging}, or None if it is
    gone. Raise BackupError if it is not what the listing says.
    """
    path, query = place(entry), {"versionId": entry["version"]}
    summed, size = hashlib.sha256(), 0
    try:
        with api.answer("GET", path, query, {"if-match": f'"{entry["etag"]}"'}) as answer:
            while chunk := answer.read(access.CHUNK):
                summed.update(chunk)
                size += len(chunk)
                sink(chunk)
            headers = {
                name.lower(): access.text(value)
                for name, value in answer.getheaders()
                if name.lower() in _KEPT or name.lower().startswith("x-amz-meta-")
            }
            tagged = answer.getheader("x-amz-tagging-count")
        tags = entry["tags"]
        if tags is None:
            tags = contents.tags(api, path, query) if tagged else ""
    except access.S3Error as error:
        if error.status in (404, 412):
            return None
        raise
    if size != entry["size"]:
        raise BackupError(f"{api.place} gave {size} bytes of {path}, and lists {entry['size']}")
    return {"sha256": summed.hexdigest(), "headers": headers, "tagging": tags}


def place(entry: Entry) -> str:
    """Given a version, return the path of its object."""
    return f"/{entry['bucket']}/{entry['key']}"


def entries_in(path: Path) -> Iterator[Entry]:
    """Given the file of a listing, yield its versions."""
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            yield json.loads(line)


@contextlib.contextmanager
def remembered(service: dict[str, Any]) -> Iterator[Known]:
    """Given a service, yield what earlier looks of its job found."""
    folder = Path(service["state_directory"]) / "minio" / service["job"]
    known = Known(folder / f"{service['name']}.sqlite")
    try:
        yield known
    finally:
        known.close()
