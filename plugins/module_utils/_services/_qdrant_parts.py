# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One collection of Qdrant, from a restored twin, beside the present one or in its place.

Qdrant cannot rename a collection and replaces one by no single step. So in its place is for
collections that clients reach by an alias, which moves in one request; what is called so itself
comes back only beside.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ansible_collections.janus.backup.plugins.module_utils._checksum import (
    Checksums,
    canonical,
    differences,
)
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._helper import Helper
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _qdrant_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _qdrant_checksums as checksums,
)

KINDS = {"collection": "<collection>, or in its place <alias>"}
Side = tuple[dict[str, Any], Helper]


def restore_part(
    live: Side,
    twin: Side,
    part: dict[str, Any],
    work: Path,
    remember: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Given both servers, {kind, path, as_name ("" for in its place), mark}, and an empty
    directory, restore the collection.

    Return {restored, aside (None if there is nothing), objects}. Raise BackupError if it is not in
    the twin, its new name is taken, it is no alias but shall be replaced, or it differs.
    """
    api, source = access.Api(live[0]), access.Api(twin[0])
    alias, present, archived = part["path"], api.aliases(), source.aliases()
    if not part["as_name"] and alias not in archived:
        raise BackupError(
            f"{alias} is no alias in the archive: a collection itself comes back beside the "
            "present one only, since Qdrant cannot rename it"
        )
    name = archived.get(alias, alias)
    fresh = part["as_name"] or f"{name}-new-{part['mark']}"
    if name not in source.collections():
        raise BackupError(f"there is no collection {name} in the archive")
    if fresh in api.collections() or fresh in present:
        raise BackupError(f"{api.place} has a collection {fresh} already")
    if not part["as_name"] and alias in api.collections():
        raise BackupError(f"{alias} is a collection of {api.place} now, no alias")
    before = None if part["as_name"] else present.get(alias)
    place = None if part["as_name"] else alias
    remember({"fresh": fresh, "alias": place, "before": before})
    _copy(source, name, api, fresh, work)
    expected = _renamed(checksums.of_collection(source, name), name, fresh)
    if sentences := differences(expected, checksums.of_collection(api, fresh)):
        raise BackupError(f"collection {name} did not come back equal: {sentences[0]}")
    if place:
        _point(api, place, fresh, place in present)
    return {"restored": place or fresh, "aside": before, "objects": len(expected)}


def undo(token: dict[str, Any]) -> None:
    """Given what was remembered, have everything as before; again and again if need be."""
    api = access.Api(token["service"])
    if token["alias"] and api.aliases().get(token["alias"]) == token["fresh"]:
        if token["before"]:
            _point(api, token["alias"], token["before"], True)
        else:
            actions = [{"delete_alias": {"alias_name": token["alias"]}}]
            api.ask("/collections/aliases", "POST", {"actions": actions})
    if token["fresh"] in api.collections():
        api.ask(access.of(token["fresh"]), "DELETE")


def discard(token: dict[str, Any]) -> None:
    """Given what was remembered of a collection that an alias leads to, remove the former one."""
    api = access.Api(token["service"])
    if token["before"] in api.collections() and token["before"] not in api.aliases().values():
        api.ask(access.of(token["before"]), "DELETE")


def _copy(source: access.Api, name: str, api: access.Api, fresh: str, work: Path) -> None:
    path = f"{access.of(name)}/snapshots"
    made = source.ask(f"{path}?wait=true", "POST")
    target = work / "collection.snapshot"
    with source.explained():
        digest = source.server.download(f"{path}/{quote(made['name'], safe='')}", target)
    with api.explained():
        options = f"wait=true&priority=snapshot&checksum={digest}"
        api.server.upload(f"{access.of(fresh)}/snapshots/upload?{options}", "snapshot", target)


def _renamed(found: Checksums, name: str, fresh: str) -> Checksums:
    old, new = (f"collection {canonical(each)}" for each in (name, fresh))
    return {new + key.removeprefix(old): value for key, value in found.items()}


def _point(api: access.Api, alias: str, collection: str, there: bool) -> None:
    create = {"create_alias": {"alias_name": alias, "collection_name": collection}}
    actions: list[dict[str, Any]] = [{"delete_alias": {"alias_name": alias}}] if there else []
    api.ask("/collections/aliases", "POST", {"actions": [*actions, create]})
