# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One bucket of MinIO, the objects of a prefix, or one object, from a restored twin, beside the
present ones or in their place.

No S3 server renames a bucket or replaces several objects in one step. So what is there is copied by
the server into a bucket of its own first and compared there; only then is it removed, and what the
archive has put in its place, every version in its order. What goes wrong is undone from that
bucket, which stays until the old data is no longer needed. Versions come back with new ids and
times, as with method `s3`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._checksum import differences
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._helper import Helper
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_checksums as checksums,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_contents as contents,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_copy as copying,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_mirror as mirrors,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_reached as reached,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_survey as survey,
)

KINDS = {
    "bucket": "<bucket>",
    "prefix": "<bucket>/<how keys begin>",
    "object": "<bucket>/<key>",
}
Side = tuple[dict[str, Any], Helper]


def restore_part(
    live: Side,
    twin: Side,
    part: dict[str, Any],
    work: Path,
    remember: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Given both servers, {kind, path, as_name ("" for in its place), mark}, and an empty
    directory, restore the part.

    Return {restored, aside (the bucket with what was there, None if there is nothing), objects}.
    Raise BackupError if the archive has nothing of it, the new place is taken, the bucket that it
    belongs into is not there or lets nothing be removed, clients write to it meanwhile, or it does
    not come back equal.
    """
    source, server = reached.server(twin[0]), reached.server(live[0])
    origin = copying.place(part["kind"], part["path"], KINDS)
    target = copying.place(part["kind"], part["as_name"] or part["path"], KINDS)
    archived = _archived(source, origin, work)
    there = target.bucket in contents.buckets(server.api)
    settings = contents.settings_of(server.api, target.bucket, server.minio) if there else None
    present = list(copying.versions(server, target)) if there else []
    token: dict[str, Any] = {"kind": part["kind"], "path": part["as_name"] or part["path"]}
    token |= {"settings": settings, "aside": None, "step": "fresh"}
    if part["as_name"] or (part["kind"] == "bucket" and not there):
        _refuse_taken(target, there, present)
        remember(token)
    else:
        _refuse_immovable(server, target, settings)
        token |= {"aside": copying.aside(target.bucket, part["mark"]), "step": "aside"}
        remember(token)
        copying.keep_aside(server, target, token["aside"], present)
        if list(copying.versions(server, target)) != present:
            raise BackupError(f"clients write to {target}: have them stop, and begin again")
        remember(token | {"step": "replace"})
        copying.clear(server, target)
    wanted = contents.settings_of(source.api, origin.bucket, source.minio)
    if part["kind"] == "bucket":
        wanted = copying.renamed(wanted, origin.bucket, target.bucket)
        if not there:
            lock = mirrors.LOCK if "object-lock" in wanted else {}
            server.api.ask("PUT", f"/{target.bucket}", headers=lock)
        copying.set_before(server, target.bucket, wanted)
    versioned = "versioning" in (wanted if part["kind"] == "bucket" else settings or {})
    chosen = copying.moved(archived, origin, target, versioned)
    with copying.versions_kept(server.api, target.bucket):
        for entry in copying.oldest_first(chosen):
            mirrors.put(server.api, entry, work / "data")
    if part["kind"] == "bucket":
        copying.set_after(server, target.bucket, wanted)
    objects = _prove(server, target, chosen, wanted if part["kind"] == "bucket" else None)
    return {"restored": str(target), "aside": token["aside"], "objects": objects}


def undo(token: dict[str, Any]) -> None:
    """Given what was remembered, have everything as before; again and again if need be."""
    server = reached.server(token["service"])
    target = copying.place(token["kind"], token["path"], KINDS)
    buckets = contents.buckets(server.api)
    if token["step"] == "fresh":
        if target.bucket in buckets:
            copying.clear(server, target)
            if token["kind"] == "bucket":
                server.api.ask("DELETE", f"/{target.bucket}")
        return
    if token["aside"] not in buckets:
        return
    if token["step"] == "replace" and not copying.is_done(server.api, token["aside"]):
        copying.clear(server, target)
        copying.bring_back(server, target, token["aside"])
        if token["kind"] == "bucket":
            copying.set_before(server, target.bucket, token["settings"])
            copying.set_after(server, target.bucket, token["settings"])
        copying.done(server.api, token["aside"])
    copying.remove(server, token["aside"])


def discard(token: dict[str, Any]) -> None:
    """Given what was remembered, remove the bucket with what was there before."""
    server = reached.server(token["service"])
    if token["aside"] in contents.buckets(server.api):
        copying.remove(server, token["aside"])


def _archived(source: survey.Server, origin: copying.Place, work: Path) -> list[survey.Entry]:
    """Read the part of the twin into the work directory and return its versions."""
    if origin.bucket not in contents.buckets(source.api):
        raise BackupError(f"there is no bucket {origin.bucket} in the archive")
    mirror, known = mirrors.Mirror(work / "data"), survey.Known(work / "known.sqlite")
    try:
        listing = work / "objects.jsonl"
        survey.look(source.api, copying.versions(source, origin), listing, known, mirror.fetch)
    finally:
        known.close()
    found = list(survey.entries_in(listing))
    if not found and origin.kind != "bucket":
        raise BackupError(f"there is no {origin.kind} {origin} in the archive")
    return found


def _refuse_taken(target: copying.Place, there: bool, present: list[survey.Entry]) -> None:
    if target.kind == "bucket":
        if there:
            raise BackupError(f"there is a bucket {target} already")
    elif not there:
        raise BackupError(f"there is no bucket {target.bucket}: restore that, or make it")
    elif present:
        raise BackupError(f"there is something at {target} already")


def _refuse_immovable(
    server: survey.Server, target: copying.Place, settings: dict[str, str] | None
) -> None:
    if settings is None:
        raise BackupError(f"there is no bucket {target.bucket}: restore that first")
    if "object-lock" in settings:
        raise BackupError(
            f"bucket {target.bucket} has object lock: what is in it may not be removed, so "
            "it comes back only beside, with `as`"
        )
    if big := copying.too_big(server, target):
        raise BackupError(f"{big} is larger than the 5 GiB that a server copies aside at once")


def _prove(
    server: survey.Server,
    target: copying.Place,
    wanted: list[survey.Entry],
    settings: dict[str, str] | None,
) -> int:
    expected = dict(checksums.of_bucket(target.bucket, wanted, True, False))
    entries = (
        entry | (read or {})
        for entry in copying.versions(server, target)
        if (read := {} if entry["marker"] else survey.read(server.api, entry, len)) is not None
    )
    found = dict(checksums.of_bucket(target.bucket, entries, True, False))
    if settings is not None:
        now = contents.settings_of(server.api, target.bucket, server.minio)
        if "versioning" not in settings:  # of one that once kept versions it stays "Suspended"
            now.pop("versioning", None)
        expected |= contents.of_bucket(target.bucket, settings)
        found |= contents.of_bucket(target.bucket, now)
    if sentences := differences(expected, found):
        raise BackupError(f"{target} did not come back equal: {sentences[0]}")
    return len(expected)
