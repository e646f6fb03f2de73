# SPDX-License-Identifier: GPL-3.0-or-later
"""The payload indexes of the REST interface as the engine's."""

from __future__ import annotations

from typing import Any

import qdrant_edge as edge

from . import convert
from .errors import BadRequestError

PARAMETERS = {
    "keyword": edge.KeywordIndexParams,
    "integer": edge.IntegerIndexParams,
    "float": edge.FloatIndexParams,
    "geo": edge.GeoIndexParams,
    "text": edge.TextIndexParams,
    "bool": edge.BoolIndexParams,
    "datetime": edge.DatetimeIndexParams,
    "uuid": edge.UuidIndexParams,
}
TOKENIZERS = {
    "prefix": edge.TokenizerType.Prefix,
    "whitespace": edge.TokenizerType.Whitespace,
    "word": edge.TokenizerType.Word,
    "multilingual": edge.TokenizerType.Multilingual,
}


def build(schema: str | dict[str, Any]) -> Any:
    """Return the engine's index for a field schema: a type's name, or an object with options."""
    options = {"type": schema} if isinstance(schema, str) else dict(schema)
    make = convert.choose(PARAMETERS, options.pop("type", None) or "", "field schema")
    options = {name: value for name, value in options.items() if value is not None}
    if "tokenizer" in options:
        options["tokenizer"] = convert.choose(TOKENIZERS, options["tokenizer"], "tokenizer")
    try:
        return make(**options)
    except TypeError as problem:
        raise BadRequestError(f"the stand-in cannot make this index: {problem}") from problem


def describe(shard: edge.EdgeShard, schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the indexes that the engine holds, with the options that they were made with."""
    result: dict[str, Any] = {}
    for name, index in sorted(shard.info().payload_schema.items()):
        result[name] = {
            "data_type": str(index.data_type).rpartition(".")[2].lower(),
            "points": index.points,
        }
        if isinstance(schemas.get(name), dict):
            result[name]["params"] = schemas[name]
    return result
