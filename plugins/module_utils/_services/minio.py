# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""MinIO, and any S3 server: its drives archived in place, or a mirror kept of it.

Consistency is `bracketed`: every version of every object, the settings of buckets and the users are
listed before and after the drives are held still as hard links, or the mirror is made up to date,
and are the same. Where clients go on writing it is tried again, and in the end called `fuzzy`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _container, _http, _in_place
from ansible_collections.janus.backup.plugins.module_utils._checksum import Checksums
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import write_atomically
from ansible_collections.janus.backup.plugins.module_utils._helper import Helper, beside
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_checksums as checksums,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_contents as contents,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_drives as drives,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_mirror as mirrors,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_own as own,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_process as process,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_reached as reached,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_survey as survey,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_users as users,
)

LIBRARIES = ()
DUMP_HELPER: dict[str, Any] = {"volumes": "rw", "network": False}
RESTORE_HELPER: dict[str, Any] = {"volumes": "rw", "network": False}
SMOKE = "buckets"
shows = own.shows
_LISTING = "objects.jsonl"
_SETTINGS = "settings.json"
_USERS = "iam.zip"
_DRIVES = "drives.json"
_ATTEMPTS = 4
# What a listing takes of the dump for each version.
_LINE = 500


def check(service: dict[str, Any]) -> dict[str, Any]:
    """Given a service, look at it and touch nothing.

    Return {version, minio, buckets, drives, bytes}. Raise BackupError if it does not answer,
    refuses the access key, holds the backups themselves, or is not fit for the method wanted.
    """
    api = access.Api(service)
    buckets = contents.buckets(api)
    minio = contents.is_minio(api)
    facts: dict[str, Any] = {"version": "unknown", "minio": minio, "buckets": len(buckets)}
    facts |= {"drives": [], "bytes": 0}
    if minio:
        told = contents.information(api)
        facts["version"] = told["servers"][0]["version"]
        facts["bytes"] = _LINE * (told.get("versions") or {}).get("count", 0)
    if reached.exact(service):
        if not minio:
            raise BackupError(f"{api.place} is no MinIO: use the method s3")
        facts["drives"] = drives.of(told, api.place)
        for drive in facts["drives"]:
            drives.on_host(service, drive)
    own.refuse(service, api)
    return facts


def quiesce(
    service: dict[str, Any], facts: dict[str, Any], remember: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Given a service and what its check found, note the trees of links that are about to be made
    on its drives, if any. Nothing is paused.
    """
    if not reached.exact(service):
        return {}
    needed = ("name", "runtime", "container", "job")
    token = {
        "service": {key: service[key] for key in needed},
        "trees": drives.trees(service, facts["drives"]),
    }
    remember(token)
    return token


def resume(token: dict[str, Any]) -> None:
    """Given a token, remove the trees of links, whether the server runs or not; again and again if
    need be. A container that is gone has no drives that we could reach.
    """
    if not token:
        return
    service = token["service"]
    if service["runtime"] == "docker":
        try:
            _container.inspect(service["container"], running=False)
        except BackupError:
            return
    with beside(service, [], [], volumes="rw", network=False) as helper:
        drives.unlink(helper, token["trees"])


def dump(
    service: dict[str, Any], token: dict[str, Any], directory: Path, helper: Helper
) -> dict[str, Any]:
    """Given a service, its token and an empty directory, list every version and hold the drives
    still, or bring the mirror up to date.

    Return {consistency, checksums, tools, in_place}. Raise BackupError if an object is not what the
    server says it is.
    """
    exact, api = reached.exact(service), access.Api(service)
    minio = contents.is_minio(api)
    mirror = None if exact else mirrors.Mirror(_mirror(service))
    listing = directory / _LISTING
    count, bracketed = 0, False
    with survey.remembered(service) as known:
        for _attempt in range(_ATTEMPTS):
            before = None if exact else mirrors.moment(api)
            settings, export = contents.settings(api, minio), users.exported(api, minio)
            entries = reached.server(service).listed(before)
            if mirror:
                found, read = survey.look(api, entries, listing, known, mirror.fetch, mirror.holds)
            else:
                found, read = survey.look(api, entries, listing, known)
                drives.link(helper, token["trees"])
            count += read
            same = found == survey.identity(reached.server(service).listed(before))
            bracketed = same and checksums.of_state(settings, export) == checksums.of_state_now(
                api, minio
            )
            if bracketed:
                break
        known.finish()
    summed = checksums.of_listing(listing, exact) | checksums.of_state(settings, export)
    trees = [_mirror(service)]
    _http.keep_certificates(service, directory)
    if mirror:
        mirror.sweep(listing)
        write_atomically(directory / _SETTINGS, json.dumps(settings, indent=1))
        (directory / _USERS).write_bytes(export)
    else:
        trees = [drives.on_host(service, tree["tree"]) for tree in token["trees"].values()]
        write_atomically(directory / _DRIVES, json.dumps(token["trees"]))
    consistency = {
        "kind": "bracketed" if bracketed else "fuzzy",
        "reason": None if bracketed else "clients changed objects while it was dumped",
        "objects_read": count,
    }
    return {"consistency": consistency, "checksums": summed, "tools": {}, "in_place": trees}


def checksum(service: dict[str, Any]) -> Checksums:
    """Given a service, return the checksums of its data as of now."""
    seen = reached.server(service)
    return checksums.of_server(seen, reached.exact(service)) | checksums.of_state_now(
        seen.api, seen.minio
    )


def query(service: dict[str, Any], target: str | None, text: str) -> Any:
    """Given a service, return its `buckets`; of a bucket the first 1000 `keys` that begin with what
    follows, their `count`, or the `content` of the object of that key.

    Raise BackupError if the server refuses, or something else is asked.
    """
    api = access.Api(service)
    verb, _space, rest = text.strip().partition(" ")
    if target is None and verb == "buckets":
        return contents.buckets(api)
    if target is not None and verb in ("keys", "count"):
        keys = contents.keys(api, target, rest)
        return keys if verb == "keys" else len(keys)
    if target is not None and verb == "content" and rest:
        part = {"range": "bytes=0-99999"}
        return api.ask("GET", f"/{target}/{rest}", headers=part).decode(errors="replace")
    raise BackupError(f"{text} is none of buckets, or, of a bucket, keys, count and content")


def restore(
    service: dict[str, Any], directory: Path, helper: Helper, record: dict[str, Any], replace: bool
) -> None:
    """Given an archived dump and its record, put the drives in place, or make buckets, users and
    objects anew.

    Raise BackupError if the server has buckets and replace is false.
    """
    exact = reached.exact(record)
    if not (exact and replace):  # a restore that was killed may have left drives that do not start
        if exact:
            process.start(service, helper)
        api = process.answering(service)
        minio = contents.is_minio(api)
        if present := contents.buckets(api):
            if not replace:
                raise BackupError(
                    f"{api.place} is not empty (bucket {', '.join(present)}): "
                    "refusing to overwrite it without replace"
                )
            mirrors.empty(api, minio)
    if not exact:
        if export := (directory / _USERS).read_bytes():
            users.bring(api, export)
        with helper.timed():
            mirrors.fill(api, directory, directory / "data")
        return
    trees = json.loads((directory / _DRIVES).read_text(encoding="utf-8"))
    with helper.timed():
        drives.copy(helper, directory, trees)
        process.stop(service, helper)
        drives.exchange(helper, trees)
        process.start(service, helper)
        process.answering(service)


def _mirror(service: dict[str, Any]) -> Path:
    return _in_place.tree(Path(service["state_directory"]) / "mirror", service, "data")
