# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must come back equal of a Qdrant collection: points, parameters and payload indexes."""

from __future__ import annotations

import hashlib
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._checksum import (
    Checksums,
    canonical,
    digest,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _qdrant_access as access,
)

_PAGE = 200
_MODULUS = 2**128


def of_collection(api: access.Api, collection: str) -> Checksums:
    """Given a collection, return its objects as of now, reading every point."""
    place = f"collection {canonical(collection)}"
    found = of_nature(place, api.ask(access.of(collection)))
    found[f"{place} points"] = _of_points(api, collection)
    return found


def of_nature(place: str, info: dict[str, Any]) -> Checksums:
    """Given what the server tells of a collection, return its parameters and payload indexes.

    How many points an index holds, and whether it is still being built, is not part of its nature.
    """
    found: Checksums = {f"{place} parameters": {"digest": digest(info["config"])[:32]}}
    for field, schema in (info.get("payload_schema") or {}).items():
        nature = {key: value for key, value in schema.items() if key != "points"}
        found[f"{place} payload index {canonical(field)}"] = {"digest": digest(nature)[:32]}
    return found


def of_alias(alias: str, collection: str) -> Checksums:
    """Given an alias, return it as an object."""
    return {f"alias {canonical(alias)}": {"collection": collection}}


def _of_points(api: access.Api, collection: str) -> dict[str, Any]:
    count, total, offset = 0, 0, None
    while True:
        body = {"limit": _PAGE, "with_payload": True, "with_vector": True, "offset": offset}
        answer = api.ask(f"{access.of(collection)}/points/scroll", "POST", body)
        for point in answer["points"]:
            total = (total + of_point(point)) % _MODULUS
            count += 1
        offset = answer["next_page_offset"]
        if offset is None:
            # A sum, so that the order of points does not matter and equal ones do not cancel.
            return {"points": count, "digest": f"{total:032x}"}


def of_point(point: dict[str, Any]) -> int:
    """Given a point with payload and vectors, return the number that stands for it."""
    vectors = point.get("vector")
    if isinstance(vectors, dict):
        vectors = {name: _ordered(vector) for name, vector in vectors.items()}
    whole = [point["id"], point.get("payload") or {}, vectors, point.get("shard_key")]
    return int.from_bytes(hashlib.sha256(canonical(whole).encode()).digest()[:16], "big")


def _ordered(vector: Any) -> Any:
    # The server gives no promise about the order of a sparse vector's parts.
    if isinstance(vector, dict) and "indices" in vector:
        return sorted(zip(vector["indices"], vector["values"], strict=True))
    return vector
