# SPDX-License-Identifier: GPL-3.0-or-later
"""The queries of the REST interface as the engine's: nearest, fusion, order and sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qdrant_edge as edge

from . import convert, filters
from .errors import BadRequestError

FUSIONS = {"rrf": edge.Fusion.Rrf(k=2), "dbsf": edge.Fusion.Dbsf()}
DIRECTIONS = {"asc": edge.Direction.Asc, "desc": edge.Direction.Desc}

# Returns the vector (of that name) of the point with that id.
Lookup = Callable[[int | str, str], Any]


def build(body: dict[str, Any], lookup: Lookup) -> edge.QueryRequest:
    """Return the engine's request for the body of `points/query`."""
    return edge.QueryRequest(
        limit=body.get("limit") or 10,
        offset=body.get("offset") or 0,
        query=_query(body.get("query"), body.get("using") or "", lookup),
        prefetches=_prefetches(body.get("prefetch"), lookup),
        filter=_filter(body),
        score_threshold=body.get("score_threshold"),
        with_vector=body.get("with_vector", False),
        with_payload=convert.payload_selector(body.get("with_payload", False)),
    )


def from_search(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body of `points/query` that means the same as one of `points/search`."""
    vector, using = body["vector"], ""
    if isinstance(vector, dict):
        vector, using = vector["vector"], vector["name"]
    return {**body, "query": {"nearest": vector}, "using": using}


def order_by(value: Any) -> edge.OrderBy | None:
    """Return the engine's order, None for none."""
    if value is None:
        return None
    if isinstance(value, str):
        return edge.OrderBy(value)
    direction = convert.choose(DIRECTIONS, value.get("direction"), "direction")
    return edge.OrderBy(value["key"], direction, value.get("start_from"))


def _filter(body: dict[str, Any]) -> edge.Filter | None:
    """Return the filter of a query, which leaves out the point whose vector is looked for."""
    given, query = filters.build(body.get("filter")), body.get("query")
    sought = query.get("nearest") if isinstance(query, dict) else query
    if not isinstance(sought, int | str):
        return given
    others = edge.Filter(must_not=[edge.HasIdCondition({sought})])
    return edge.Filter(must=[given, others]) if given else others


def _prefetches(value: Any, lookup: Lookup) -> list[edge.Prefetch] | None:
    if not value:
        return None
    return [
        edge.Prefetch(
            limit=each.get("limit") or 10,
            query=_query(each.get("query"), each.get("using") or "", lookup),
            prefetches=_prefetches(each.get("prefetch"), lookup),
            filter=_filter(each),
            score_threshold=each.get("score_threshold"),
        )
        for each in (value if isinstance(value, list) else [value])
    ]


def _query(value: Any, using: str, lookup: Lookup) -> Any:
    """Return the engine's query. Raise BadRequestError for a kind that is not supported."""
    if value is None:
        return None
    if isinstance(value, dict) and "indices" not in value:
        if "fusion" in value:
            return convert.choose(FUSIONS, value["fusion"], "fusion")
        if "order_by" in value:
            return order_by(value["order_by"])
        if "sample" in value:
            return edge.Sample.Random
        if "nearest" not in value or value.get("mmr"):
            raise BadRequestError(f"the stand-in has no query of kind {sorted(value)}")
        value = value["nearest"]
    if isinstance(value, int | str):
        return edge.Query.Nearest(lookup(value, using), using)
    return edge.Query.Nearest(convert.single_vector(value), using)
