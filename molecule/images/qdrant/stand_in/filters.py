# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters of the REST interface as the engine's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qdrant_edge as edge

from .errors import BadRequestError

MATCHES = {
    "value": edge.MatchValue,
    "text": edge.MatchText,
    "text_any": edge.MatchTextAny,
    "phrase": edge.MatchPhrase,
    "prefix": edge.MatchPrefix,
    "substring": edge.MatchSubstring,
    "any": edge.MatchAny,
    "except": edge.MatchExcept,
}


def build(value: dict[str, Any] | None) -> edge.Filter | None:
    """Return the engine's filter for that of a request, None for none."""
    if not value:
        return None
    _expect(value, {"must", "should", "must_not", "min_should"}, "filter")
    least = value.get("min_should")
    return edge.Filter(
        must=_conditions(value.get("must")),
        should=_conditions(value.get("should")),
        must_not=_conditions(value.get("must_not")),
        min_should=least
        and edge.MinShould(_condition_list(least["conditions"]), least["min_count"]),
    )


def _conditions(value: Any) -> list[Any] | None:
    return None if value is None else _condition_list(value)


def _condition_list(value: Any) -> list[Any]:
    return [_condition(each) for each in (value if isinstance(value, list) else [value])]


def _condition(value: dict[str, Any]) -> Any:
    """Return the engine's condition. Raise BadRequestError for one that it does not have."""
    if "key" in value:
        return _field(value)
    if "has_id" in value:
        return edge.HasIdCondition(set(value["has_id"]))
    if "has_vector" in value:
        return edge.HasVectorCondition(value["has_vector"])
    if "is_empty" in value:
        return edge.IsEmptyCondition(value["is_empty"]["key"])
    if "is_null" in value:
        return edge.IsNullCondition(value["is_null"]["key"])
    if "nested" in value:
        return edge.NestedCondition(
            value["nested"]["key"], build(value["nested"]["filter"]) or edge.Filter()
        )
    return build(value)


def _field(value: dict[str, Any]) -> edge.FieldCondition:
    known = {"match", "range", "values_count", "geo_bounding_box", "geo_radius", "geo_polygon"}
    _expect(value, {"key", "is_empty", "is_null"} | known, "condition")
    makers: dict[str, Callable[[Any], Any]] = {
        "match": _match,
        "range": _range,
        "values_count": lambda count: edge.ValuesCount(**count),
        "geo_bounding_box": lambda box: edge.GeoBoundingBox(
            _place(box["top_left"]), _place(box["bottom_right"])
        ),
        "geo_radius": lambda area: edge.GeoRadius(_place(area["center"]), area["radius"]),
        "geo_polygon": lambda area: edge.GeoPolygon(
            _ring(area["exterior"]), [_ring(each) for each in area.get("interiors") or []] or None
        ),
    }
    given = {name: make(value[name]) for name, make in makers.items() if value.get(name)}
    return edge.FieldCondition(
        value["key"], is_empty=value.get("is_empty"), is_null=value.get("is_null"), **given
    )


def _match(value: dict[str, Any]) -> Any:
    _expect(value, set(MATCHES), "match")
    ((kind, wanted),) = value.items()
    return MATCHES[kind](wanted)


def _range(value: dict[str, Any]) -> Any:
    _expect(value, {"gt", "gte", "lt", "lte"}, "range")
    dates = any(isinstance(limit, str) for limit in value.values())
    return (edge.RangeDateTime if dates else edge.RangeFloat)(**value)


def _place(value: dict[str, float]) -> edge.GeoPoint:
    return edge.GeoPoint(lon=value["lon"], lat=value["lat"])


def _ring(value: dict[str, Any]) -> list[edge.GeoPoint]:
    return [_place(each) for each in value["points"]]


def _expect(value: dict[str, Any], known: set[str], what: str) -> None:
    """Raise BadRequestError if a part holds a key that would be silently left out of the filter."""
    unknown = value.keys() - known
    if unknown:
        names = ", ".join(f"`{name}`" for name in sorted(unknown))
        raise BadRequestError(f"Format error in JSON body: {what} with unknown {names}")
