# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints for collections, their aliases and payload indexes."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from .errors import BadRequestError
from .service import Call, endpoint
from .snapshots import PEER


def _list(call: Call) -> Any:
    return {"collections": [{"name": name} for name in call.service.store.names()]}


def _create(call: Call) -> Any:
    body = dict(call.body or {})
    # A copy of another collection is the server's affair, and no part of a backup.
    if body.get("init_from") or (body.get("shard_number") or 1) != 1:
        raise BadRequestError("the stand-in has one shard per collection, and no init_from")
    call.service.store.create(call.path["collection"], body)
    return True


def _get(call: Call) -> Any:
    return call.service.store.get(call.path["collection"]).info()


def _exists(call: Call) -> Any:
    return {"exists": call.service.store.exists(call.path["collection"])}


def _delete(call: Call) -> Any:
    return call.service.store.delete(call.path["collection"])


def _cluster(call: Call) -> Any:
    points = call.service.store.get(call.path["collection"]).info()["points_count"]
    shard = {"shard_id": 0, "points_count": points, "state": "Active"}
    return {
        "peer_id": PEER,
        "shard_count": 1,
        "local_shards": [shard],
        "remote_shards": [],
        "shard_transfers": [],
    }


def _create_index(call: Call) -> Any:
    collection = call.service.store.get(call.path["collection"])
    return collection.create_index(call.body["field_name"], call.body["field_schema"])


def _delete_index(call: Call) -> Any:
    return call.service.store.get(call.path["collection"]).delete_index(call.path["field"])


def _aliases(call: Call) -> Any:
    return {"aliases": call.service.store.aliases()}


def _collection_aliases(call: Call) -> Any:
    store = call.service.store
    store.get(call.path["collection"])
    return {"aliases": store.aliases(store.resolve(call.path["collection"]))}


def _change_aliases(call: Call) -> Any:
    call.service.store.change_aliases(call.body["actions"])
    return True


ONE = "/collections/{collection}"
ROUTES = [
    Route("/collections", endpoint(_list), methods=["GET"]),
    Route("/collections/aliases", endpoint(_change_aliases), methods=["POST"]),
    Route("/aliases", endpoint(_aliases), methods=["GET"]),
    Route(ONE, endpoint(_get), methods=["GET"]),
    Route(ONE, endpoint(_create), methods=["PUT"]),
    Route(ONE, endpoint(_delete), methods=["DELETE"]),
    Route(f"{ONE}/exists", endpoint(_exists), methods=["GET"]),
    Route(f"{ONE}/cluster", endpoint(_cluster), methods=["GET"]),
    Route(f"{ONE}/aliases", endpoint(_collection_aliases), methods=["GET"]),
    Route(f"{ONE}/index", endpoint(_create_index), methods=["PUT"]),
    Route(f"{ONE}/index/{{field}}", endpoint(_delete_index), methods=["DELETE"]),
]
