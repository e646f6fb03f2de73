# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints for points: writing, reading and searching."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qdrant_edge as edge
from starlette.routing import Route

from . import convert, filters, queries
from .collection import Collection
from .errors import BadRequestError, NotFoundError
from .service import Call, endpoint

Operation = edge.UpdateOperation
Maker = Callable[..., edge.UpdateOperation]


def _upsert(body: dict[str, Any]) -> list[edge.UpdateOperation]:
    return [Operation.upsert_points(convert.points(body))]


def _delete(body: dict[str, Any]) -> list[edge.UpdateOperation]:
    return [_selected(body, Operation.delete_points, Operation.delete_points_by_filter)]


def _update_vectors(body: dict[str, Any]) -> list[edge.UpdateOperation]:
    changed = [
        edge.PointVectors(each["id"], convert.vectors(each["vector"])) for each in body["points"]
    ]
    return [Operation.update_vectors(changed)]


def _delete_vectors(body: dict[str, Any]) -> list[edge.UpdateOperation]:
    by_id, by_filter = Operation.delete_vectors, Operation.delete_vectors_by_filter
    return [_selected(body, by_id, by_filter, body["vector"])]


def _set_payload(body: dict[str, Any]) -> list[edge.UpdateOperation]:
    by_id, by_filter = Operation.set_payload, Operation.set_payload_by_filter
    return [_selected(body, by_id, by_filter, body["payload"], body.get("key"))]


def _overwrite_payload(body: dict[str, Any]) -> list[edge.UpdateOperation]:
    by_id, by_filter = Operation.overwrite_payload, Operation.overwrite_payload_by_filter
    return [_selected(body, by_id, by_filter, body["payload"], body.get("key"))]


def _delete_payload(body: dict[str, Any]) -> list[edge.UpdateOperation]:
    by_id, by_filter = Operation.delete_payload, Operation.delete_payload_by_filter
    return [_selected(body, by_id, by_filter, body["keys"])]


def _clear_payload(body: dict[str, Any]) -> list[edge.UpdateOperation]:
    return [_selected(body, Operation.clear_payload, Operation.clear_payload_by_filter)]


# The names that a batch has for the same operations.
UPDATES: dict[str, Callable[[dict[str, Any]], list[edge.UpdateOperation]]] = {
    "upsert": _upsert,
    "delete": _delete,
    "update_vectors": _update_vectors,
    "delete_vectors": _delete_vectors,
    "set_payload": _set_payload,
    "overwrite_payload": _overwrite_payload,
    "delete_payload": _delete_payload,
    "clear_payload": _clear_payload,
}


def _selected(
    body: dict[str, Any], by_id: Maker, by_filter: Maker, *rest: Any
) -> edge.UpdateOperation:
    """Return the operation on the points that a body selects by id or by filter."""
    if body.get("points") is not None:
        return by_id(body["points"], *rest)
    if body.get("filter") is not None:
        # An empty filter means every point, not none.
        return by_filter(filters.build(body["filter"]) or edge.Filter(), *rest)
    raise BadRequestError("Format error in JSON body: neither points nor filter")


def _collection(call: Call) -> Collection:
    return call.service.store.get(call.path["collection"])


def _updating(name: str) -> Callable[[Call], Any]:
    def work(call: Call) -> Any:
        return _collection(call).update(*UPDATES[name](call.body))

    return work


def _batch(call: Call) -> Any:
    collection = _collection(call)
    results = []
    for each in call.body["operations"]:
        ((name, body),) = each.items()
        make = convert.choose(UPDATES, name, "operation")
        results.append(collection.update(*make(body)))
    return results


def _scroll(call: Call) -> Any:
    body = call.body or {}
    with_payload = body.get("with_payload", True)
    request = edge.ScrollRequest(
        offset=body.get("offset"),
        limit=body.get("limit") or 10,
        filter=filters.build(body.get("filter")),
        with_payload=convert.payload_selector(with_payload),
        with_vector=body.get("with_vector", False),
        order_by=queries.order_by(body.get("order_by")),
    )
    found, following = _collection(call).use(lambda shard: shard.scroll(request))
    return {
        "points": [convert.record(each, with_payload) for each in found],
        "next_page_offset": None if following is None else convert.point_id(following),
    }


def _count(call: Call) -> Any:
    body = call.body or {}
    request = edge.CountRequest(body.get("exact", True), filters.build(body.get("filter")))
    return {"count": _collection(call).use(lambda shard: shard.count(request))}


def _retrieve(call: Call) -> Any:
    return _by_id(call, call.body["ids"], call.body)


def _retrieve_one(call: Call) -> Any:
    text = call.path["id"]
    found = _by_id(call, [int(text) if text.isdigit() else text], {"with_vector": True})
    if not found:
        raise NotFoundError(f"Not found: Point with id {text} does not exists!")
    return found[0]


def _by_id(call: Call, ids: list[Any], body: dict[str, Any]) -> list[dict[str, Any]]:
    with_payload = body.get("with_payload", True)
    selector, with_vector = convert.payload_selector(with_payload), body.get("with_vector", False)
    found = _collection(call).use(lambda shard: shard.retrieve(ids, selector, with_vector))
    return [convert.record(each, with_payload) for each in found]


def _search(collection: Collection, body: dict[str, Any]) -> list[dict[str, Any]]:
    request = queries.build(body, collection.vector_of)
    found = collection.use(lambda shard: shard.query(request))
    return [convert.record(each, body.get("with_payload", False)) for each in found]


def _query(call: Call) -> Any:
    return {"points": _search(_collection(call), call.body)}


def _query_batch(call: Call) -> Any:
    collection = _collection(call)
    return [{"points": _search(collection, each)} for each in call.body["searches"]]


def _old_search(call: Call) -> Any:
    return _search(_collection(call), queries.from_search(call.body))


POINTS = "/collections/{collection}/points"
ROUTES = [
    Route(POINTS, endpoint(_updating("upsert")), methods=["PUT"]),
    Route(POINTS, endpoint(_retrieve), methods=["POST"]),
    Route(f"{POINTS}/delete", endpoint(_updating("delete")), methods=["POST"]),
    Route(f"{POINTS}/vectors", endpoint(_updating("update_vectors")), methods=["PUT"]),
    Route(f"{POINTS}/vectors/delete", endpoint(_updating("delete_vectors")), methods=["POST"]),
    Route(f"{POINTS}/payload", endpoint(_updating("set_payload")), methods=["POST"]),
    Route(f"{POINTS}/payload", endpoint(_updating("overwrite_payload")), methods=["PUT"]),
    Route(f"{POINTS}/payload/delete", endpoint(_updating("delete_payload")), methods=["POST"]),
    Route(f"{POINTS}/payload/clear", endpoint(_updating("clear_payload")), methods=["POST"]),
    Route(f"{POINTS}/batch", endpoint(_batch), methods=["POST"]),
    Route(f"{POINTS}/scroll", endpoint(_scroll), methods=["POST"]),
    Route(f"{POINTS}/count", endpoint(_count), methods=["POST"]),
    Route(f"{POINTS}/query", endpoint(_query), methods=["POST"]),
    Route(f"{POINTS}/query/batch", endpoint(_query_batch), methods=["POST"]),
    Route(f"{POINTS}/search", endpoint(_old_search), methods=["POST"]),
    Route(f"{POINTS}/{{id}}", endpoint(_retrieve_one), methods=["GET"]),
]
