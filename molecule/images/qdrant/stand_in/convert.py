# SPDX-License-Identifier: GPL-3.0-or-later
"""Between the JSON of the REST interface and the engine's types: configuration, points, records."""

from __future__ import annotations

from typing import Any

import qdrant_edge as edge

from .errors import BadRequestError

DISTANCES = {
    "Cosine": edge.Distance.Cosine,
    "Euclid": edge.Distance.Euclid,
    "Dot": edge.Distance.Dot,
    "Manhattan": edge.Distance.Manhattan,
}
DATATYPES = {
    "float32": edge.VectorStorageDatatype.Float32,
    "float16": edge.VectorStorageDatatype.Float16,
    "uint8": edge.VectorStorageDatatype.Uint8,
}


def choose(table: dict[str, Any], key: Any, what: str) -> Any:
    """Return what the table holds for the key, None for None. Raise BadRequestError if unknown."""
    if key is None:
        return None
    if key not in table:
        raise BadRequestError(f"Format error in JSON body: unknown {what} `{key}`")
    return table[key]


def vectors_of(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the dense vectors of a collection's configuration by name, '' for the unnamed one."""
    vectors = config.get("vectors") or {}
    return {"": vectors} if "size" in vectors else vectors


def edge_config(config: dict[str, Any]) -> edge.EdgeConfig:
    """Return the engine's configuration for that of a collection."""
    dense = {
        name: edge.EdgeVectorParams(
            size=params["size"],
            distance=choose(DISTANCES, params["distance"], "distance"),
            on_disk=params.get("on_disk"),
            datatype=choose(DATATYPES, params.get("datatype"), "datatype"),
            multivector_config=(
                edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim)
                if params.get("multivector_config")
                else None
            ),
        )
        for name, params in vectors_of(config).items()
    }
    sparse = {
        name: edge.EdgeSparseVectorParams(
            full_scan_threshold=(params.get("index") or {}).get("full_scan_threshold"),
            on_disk=(params.get("index") or {}).get("on_disk"),
            modifier=edge.Modifier.Idf if params.get("modifier") == "idf" else None,
        )
        for name, params in (config.get("sparse_vectors") or {}).items()
    }
    return edge.EdgeConfig(
        vectors=dense or None,
        sparse_vectors=sparse or None,
        on_disk_payload=config.get("on_disk_payload"),
    )


def single_vector(value: Any) -> Any:
    """Return one vector for the engine: dense, multi or sparse."""
    if isinstance(value, dict):
        if not {"indices", "values"} <= value.keys():
            raise BadRequestError(
                "Format error in JSON body: the stand-in embeds no text or images"
            )
        return edge.SparseVector(value["indices"], value["values"])
    return value


def vectors(value: Any) -> Any:
    """Return the vectors of a point for the engine: the unnamed one, or all by name."""
    if isinstance(value, dict):
        return {name: single_vector(vector) for name, vector in value.items()}
    return value


def points(body: dict[str, Any]) -> list[edge.Point]:
    """Return the points of an upsert, which names them one by one or as columns (`batch`)."""
    if "points" in body:
        return [
            edge.Point(each["id"], vectors(each["vector"]), each.get("payload"))
            for each in body["points"]
        ]
    batch = body["batch"]
    ids = batch["ids"]
    columns = batch["vectors"]
    rows = (
        [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        if isinstance(columns, dict)
        else columns
    )
    payloads = batch.get("payloads") or [None] * len(ids)
    return [
        edge.Point(point_id, vectors(row), payload)
        for point_id, row, payload in zip(ids, rows, payloads, strict=True)
    ]


def point_id(value: Any) -> int | str:
    """Return a point's id as JSON holds it."""
    return value if isinstance(value, int) else str(value)


def vector_json(value: Any) -> Any:
    """Return vectors of the engine as JSON holds them."""
    if isinstance(value, dict):
        return {name: vector_json(vector) for name, vector in value.items()}
    if isinstance(value, edge.SparseVector):
        return {"indices": value.indices, "values": value.values}
    return value


def record(value: edge.Record | edge.ScoredPoint, with_payload: Any) -> dict[str, Any]:
    """Return a point of the engine as the REST interface shows it."""
    result: dict[str, Any] = {"id": point_id(value.id)}
    if isinstance(value, edge.ScoredPoint):
        result |= {"version": value.version, "score": value.score}
    if with_payload is not False:
        result["payload"] = value.payload
    if value.vector is not None:
        result["vector"] = vector_json(value.vector)
    if value.order_value is not None:
        result["order_value"] = value.order_value
    return result


def payload_selector(value: Any) -> Any:
    """Return the engine's choice of payload fields."""
    if isinstance(value, dict):
        if "include" in value:
            return edge.PayloadSelector.Include(value["include"])
        return edge.PayloadSelector.Exclude(value["exclude"])
    return value
