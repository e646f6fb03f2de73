# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Qdrant: one snapshot of each collection over REST, and the aliases, which snapshots leave out.

Consistency is `bracketed`, collection by collection: the server cannot hold writes back, and tells
nothing of what is in a snapshot, so that every point is read before and after it is made. Where
clients go on writing the snapshot is made again, and in the end called `fuzzy`. Collections are
dumped one after the other, each as of another moment.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ansible_collections.janus.backup.plugins.module_utils import _http
from ansible_collections.janus.backup.plugins.module_utils._checksum import Checksums, canonical
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import (
    private_directory,
    require_space,
    write_atomically,
)
from ansible_collections.janus.backup.plugins.module_utils._helper import Helper
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _qdrant_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _qdrant_checksums as checksums,
)

LIBRARIES = ()
DUMP_HELPER: dict[str, Any] = {}
RESTORE_HELPER: dict[str, Any] = {}
SMOKE = "collections"
# Below a collection, what is asked by POST and changes nothing.
_READING = ("count", "facet", "groups", "points", "query", "recommend", "scroll", "search")
_CATALOGUE = "collections.json"
_SNAPSHOTS = "snapshots"
_ATTEMPTS = 3
# How long to wait for a snapshot that a killed run had asked for.
_PATIENCE = 20


def check(service: dict[str, Any]) -> dict[str, Any]:
    """Given a service, look at it and touch nothing.

    Return {version, collections: {name: points}, bytes}; bytes is a guess, since the server tells
    no sizes. Raise BackupError if the server does not answer, refuses the key, or is one of several
    in a cluster: its snapshots would hold only its own shards.
    """
    api = access.Api(service)
    if len(api.ask("/cluster").get("peers") or {}) > 1:
        raise BackupError(
            f"{api.place} is part of a cluster: its snapshots hold only the shards of one node"
        )
    points, guess = {}, 0
    for name in api.collections():
        info = api.ask(access.of(name))
        points[name] = info.get("points_count") or 0
        guess += 1_000_000 + points[name] * (2000 + 8 * _floats(info["config"]["params"]))
    return {"version": api.version(), "collections": points, "bytes": guess}


def quiesce(
    service: dict[str, Any], facts: dict[str, Any], remember: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Given a service, remove the snapshots that an earlier run of the job left on the server.

    Nothing is paused. What is remembered is where to look for our snapshots.
    """
    token = {"service": {key: service[key] for key in service if key != "scratch"}}
    ours = access.Ours(service)
    ours.sweep(access.Api(service), _PATIENCE)
    ours.forget_all()
    remember(token)
    return token


def resume(token: dict[str, Any]) -> None:
    """Given a token, remove our snapshots from the server. When it does not answer they stay noted
    for the next run: a server that is down must not keep a cleanup from its other work.
    """
    if not token:
        return
    try:
        access.Ours(token["service"]).sweep(access.Api(token["service"]), _PATIENCE)
    except BackupError:
        return


def dump(
    service: dict[str, Any], token: dict[str, Any], directory: Path, helper: Helper
) -> dict[str, Any]:
    """Given a service and an empty directory, dump every collection and the aliases.

    Return {consistency, checksums, tools}. Raise BackupError if a snapshot is not what the server
    says it is.
    """
    api, ours = access.Api(service), access.Ours(service)
    private_directory(directory / _SNAPSHOTS)
    _http.keep_certificates(service, directory)
    begun = (api.collections(), api.aliases())
    changed: list[str] = []
    kept: dict[str, Any] = {}
    found: Checksums = {}
    for number, name in enumerate(begun[0], 1):
        target = directory / _SNAPSHOTS / f"{number:05}.snapshot"
        try:
            digest, objects, equal = _dump_collection(api, ours, name, target)
        except _http.RefusedError as error:
            if error.status != 404:
                raise
            target.unlink(missing_ok=True)  # dropped while it was dumped
            continue
        kept[name] = {"file": f"{_SNAPSHOTS}/{target.name}", "sha256": digest}
        found |= objects
        if not equal:
            changed.append(f"collection {canonical(name)}")
    ended = (api.collections(), api.aliases())
    if begun != ended:
        changed.append("the list of collections or aliases")
    aliases = {alias: name for alias, name in ended[1].items() if name in kept}
    for alias, name in aliases.items():
        found |= checksums.of_alias(alias, name)
    catalogue = {"collections": kept, "aliases": aliases}
    write_atomically(directory / _CATALOGUE, json.dumps(catalogue, indent=1, ensure_ascii=False))
    reason = f"clients changed {', '.join(changed)} while it was dumped" if changed else None
    return {
        "consistency": {"kind": "fuzzy" if changed else "bracketed", "reason": reason},
        "checksums": found,
        "tools": {},
    }


def checksum(service: dict[str, Any]) -> Checksums:
    """Given a service, return the checksums of its data as of now."""
    api = access.Api(service)
    found: Checksums = {}
    for name in api.collections():
        found |= checksums.of_collection(api, name)
    for alias, name in api.aliases().items():
        found |= checksums.of_alias(alias, name)
    return found


def query(service: dict[str, Any], target: str | None, text: str) -> Any:
    """Given a service, a collection, and a path below it (or, without one, of the server) that may
    be followed by a JSON body to POST, return the result.

    Raise BackupError if the server refuses, or the request could change something.
    """
    path, _space, body = text.strip().partition(" ")
    if body and path.rpartition("/")[2] not in _READING:
        raise BackupError(f"POST {path} could change something")
    place = f"{access.of(target)}/{path}" if target else f"/{path.lstrip('/')}"
    try:
        parsed = json.loads(body) if body else None
    except ValueError as error:
        raise BackupError(f"what follows {path} is no JSON: {error}") from error
    return access.Api(service).ask(place, "POST" if body else "GET", parsed)


def restore(
    service: dict[str, Any], directory: Path, helper: Helper, record: dict[str, Any], replace: bool
) -> None:
    """Given an archived dump and its record, upload every collection and set the aliases.

    Raise BackupError if the server has collections and replace is false.
    """
    api = access.Api(service)
    _http.wait(lambda: api.ask("/collections"), service.get("wait", 60))
    present = api.collections()
    if present and not replace:
        raise BackupError(
            f"{api.place} is not empty (collection {', '.join(present)}): "
            "refusing to overwrite it without replace"
        )
    for name in present:
        api.ask(access.of(name), "DELETE")
    catalogue = json.loads((directory / _CATALOGUE).read_text(encoding="utf-8"))
    for name, kept in catalogue["collections"].items():
        path = f"{access.of(name)}/snapshots/upload?wait=true&priority=snapshot"
        with api.explained(), helper.timed():
            checked = f"{path}&checksum={kept['sha256']}"
            api.server.upload(checked, "snapshot", directory / kept["file"])
    actions = [
        {"create_alias": {"alias_name": alias, "collection_name": name}}
        for alias, name in catalogue["aliases"].items()
    ]
    if actions:
        api.ask("/collections/aliases", "POST", {"actions": actions})


def _dump_collection(
    api: access.Api, ours: access.Ours, name: str, target: Path
) -> tuple[str, Checksums, bool]:
    """Return the SHA-256 of a collection's snapshot, its objects, and whether these were the same
    before and after it.
    """
    after = checksums.of_collection(api, name)
    for _attempt in range(_ATTEMPTS):
        before = after
        target.unlink(missing_ok=True)
        digest = _fetch_snapshot(api, ours, name, target)
        after = checksums.of_collection(api, name)
        if before == after:
            return digest, after, True
    return digest, after, False


def _fetch_snapshot(api: access.Api, ours: access.Ours, name: str, target: Path) -> str:
    held = [snapshot["name"] for snapshot in api.snapshots(name)]
    ours.note(name, held)
    path = f"{access.of(name)}/snapshots"
    try:
        made = api.ask(f"{path}?wait=true", "POST")
    except BackupError as error:
        if _http.refused(error):
            ours.forget(name)
        raise
    ours.note(name, held, made["name"])
    purpose = f"the snapshot of collection {canonical(name)}"
    require_space(target.parent, made["size"], purpose)
    with api.explained():
        digest = api.server.download(f"{path}/{quote(made['name'], safe='')}", target)
    # A server that keeps snapshots in S3, or is older than 1.8, tells no checksum.
    expected = made.get("checksum") or digest
    if target.stat().st_size != made["size"] or digest != expected:
        raise BackupError(f"{purpose} arrived damaged from {api.place}")
    api.remove_snapshot(name, made["name"])
    ours.forget(name)
    return digest


def _floats(params: dict[str, Any]) -> int:
    """Given a collection's parameters, return how many numbers the vectors of a point have."""
    vectors = params.get("vectors") or {}
    each = [vectors] if "size" in vectors else vectors.values()
    return sum(vector["size"] for vector in each)
