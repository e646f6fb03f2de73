# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mirror of an S3 server on this host, and a server filled from it.

Every content is a file named by its SHA-256, so that the keys of a server, which a file system
cannot hold all, are only in the listing, and the same content is held once.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from ansible_collections.janus.backup.plugins.module_utils._files import (
    private_directory,
    require_space,
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
    _minio_upload as upload,
)

_INCOMING = ".incoming"
_UNTIL = "x-amz-object-lock-retain-until-date"
LOCK = {"x-amz-bucket-object-lock-enabled": "true"}
_BYPASS = {"x-amz-bypass-governance-retention": "true"}


class Mirror:
    """The directory of the contents."""

    def __init__(self, path: Path) -> None:
        self.path = private_directory(path)

    def holds(self, version: survey.Entry) -> bool:
        """Given a version and what was found of it, return whether its content is here."""
        with contextlib.suppress(FileNotFoundError):
            return self.file(version["sha256"]).stat().st_size == version["size"]
        return False

    def file(self, sha256: str) -> Path:
        """Given a SHA-256, return the file of that content."""
        return self.path / sha256[:2] / sha256

    def fetch(self, api: access.Api, entry: survey.Entry) -> survey.Found | None:
        """Given a version, read it into the mirror and return what was found, None if it is gone.

        Raise BackupError if there is no space for it.
        """
        require_space(self.path, entry["size"], f"object {survey.place(entry)}")
        incoming = self.path / _INCOMING
        with incoming.open("wb") as stream:
            incoming.chmod(0o600)
            found = survey.read(api, entry, stream.write)
        if found is None:
            return None
        target = self.file(found["sha256"])
        private_directory(target.parent)
        incoming.rename(target)
        return found

    def sweep(self, listing: Path) -> None:
        """Given the listing of what is to stay, remove all else."""
        (self.path / _INCOMING).unlink(missing_ok=True)
        for folder in sorted(self.path.iterdir()):
            # A 256th of the contents at a time, so that memory stays flat.
            kept = {
                entry["sha256"]
                for entry in survey.entries_in(listing)
                if entry.get("sha256", "").startswith(folder.name)
            }
            for path in list(folder.iterdir()):
                if path.name not in kept:
                    path.unlink()
            if not kept:
                folder.rmdir()


def empty(api: access.Api, minio: bool) -> None:
    """Given a server, delete all its buckets with every version in them."""
    for bucket in contents.buckets(api):
        for entry in contents.versions(api, bucket, minio):
            query = {"versionId": entry["version"]}
            api.ask("DELETE", survey.place(entry), query, _BYPASS)
        api.ask("DELETE", f"/{bucket}")


def fill(api: access.Api, directory: Path, data: Path) -> None:
    """Given an empty server, a dump and its contents, make buckets, settings and objects again.

    The versions of an object come back in their order, each as of now and with an id of its own.
    """
    made = json.loads((directory / "settings.json").read_text(encoding="utf-8"))
    for bucket, values in made.items():
        api.ask("PUT", f"/{bucket}", headers=LOCK if "object-lock" in values else {})
        for name in contents.BEFORE:
            if name in values:
                contents.set_setting(api, bucket, name, values[name])
        if "versioning" in values and "object-lock" not in values:
            contents.set_setting(api, bucket, "versioning", "Enabled")
    entries = survey.entries_in(directory / "objects.jsonl")
    for _object, group in itertools.groupby(entries, survey.place):
        for entry in reversed(list(group)):
            put(api, entry, data)
    for bucket, values in made.items():
        if values.get("versioning") == "Suspended":
            contents.set_setting(api, bucket, "versioning", "Suspended")
        for name in (*contents.AFTER, "quota"):
            if name in values:
                contents.set_setting(api, bucket, name, values[name])


def put(api: access.Api, entry: survey.Entry, data: Path) -> None:
    """Given a version of a listing and the directory of the contents, put it."""
    path = survey.place(entry)
    if entry["marker"]:
        api.ask("DELETE", path)
        return
    headers = dict(entry["headers"])
    if entry["tagging"]:
        headers["x-amz-tagging"] = entry["tagging"]
    if headers.get(_UNTIL, "9") <= datetime.now(UTC).isoformat():
        del headers[_UNTIL], headers["x-amz-object-lock-mode"]
    sha256 = entry["sha256"]
    upload.put(api, path, headers, data / sha256[:2] / sha256, sha256)


def moment(api: access.Api) -> str:
    """Given a server, wait for the end of the present second of its clock and return that moment:
    whatever was there when the wait began is older.
    """
    begun = _clock(api)
    while (now := _clock(api)) == begun:
        time.sleep(0.05)
    return now


def _clock(api: access.Api) -> str:
    with api.answer("GET", "/") as answer:
        answer.read()
        told = parsedate_to_datetime(answer.getheader("date") or "")
    return told.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
