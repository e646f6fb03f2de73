# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data checksums of a Neo4j server: the same statements against the copy and the restored one.

A cold copy keeps every internal id and the order of properties, so both are part of the checksums.
Rows are hashed one by one and the hashes are summed, so that the order of rows does not matter.
docs/services/neo4j.md says what is compared and why.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._checksum import Checksums
from ansible_collections.janus.backup.plugins.module_utils._services._neo4j_shell import (
    Rows,
    Script,
    escaped,
)

_ID = 'split(elementId({0}), ":")[2]'
_PROPERTIES = "[k IN keys({0}) | [k, {0}[k]]]"
_MODULUS = 1 << 128

# (kind, SHOW command with its columns, column of the name, what is compared)
_SCHEMA = (
    (
        "index",
        "SHOW INDEXES YIELD name, type, entityType, labelsOrTypes, properties, indexProvider,"
        " owningConstraint, options",
        "name",
        "[type, entityType, labelsOrTypes, properties, indexProvider, owningConstraint, options]",
    ),
    (
        "constraint",
        "SHOW CONSTRAINTS YIELD name, type, entityType, labelsOrTypes, properties, ownedIndex",
        "name",
        "[type, entityType, labelsOrTypes, properties, ownedIndex]",
    ),
)


def script(databases: list[str]) -> Script:
    """Given the user databases of a server, return what reads all that is compared."""
    made = Script()
    for database in databases:
        made.use(database)
        place = json.dumps(database)
        made.add(
            "MATCH (n)",
            ['"node"', place, f"[l IN labels(n) | {escaped('l')}]"],
            f"[{_ID.format('n')}, {_PROPERTIES.format('n')}]",
        )
        made.add(
            "MATCH (a)-[r]->(b)",
            ['"relationship"', place, "type(r)"],
            f"[{', '.join(_ID.format(x) for x in 'rab')}, {_PROPERTIES.format('r')}]",
        )
        for kind, command, name, detail in _SCHEMA:
            made.add(command, [f'"{kind}"', place, name], detail)
    made.use("system")
    made.add(
        "SHOW USERS YIELD user, roles, passwordChangeRequired, suspended, home",
        ['"user"', "user"],
        "[roles, passwordChangeRequired, suspended, home]",
    )
    return made


def consume(rows: Rows) -> Checksums:
    """Given the rows that the script yields, return the checksum of each object."""
    # by head, of which there are few: rows of one kind have one
    counts: dict[tuple[str, ...], int] = {}
    sums: dict[tuple[str, ...], int] = {}
    last: list[str] = []
    for head, body in rows:
        if head is not last:
            last, key = head, tuple(head)
            labels = json.dumps(sorted(head[1:])).encode() if head[0] == "node" else b""
        value = int.from_bytes(hashlib.blake2b(labels + body, digest_size=16).digest(), "big")
        counts[key] = counts.get(key, 0) + 1
        sums[key] = sums.get(key, 0) + value
    found: dict[str, tuple[int, int]] = {}
    for key, count in counts.items():
        for name in _objects(key[0], list(key[1:])):
            before, total = found.get(name, (0, 0))
            found[name] = before + count, (total + sums[key]) % _MODULUS
    return {name: _checksum(name, count, f"{total:032x}") for name, (count, total) in found.items()}


def _objects(kind: str, names: list[str]) -> list[str]:
    """Return the objects that a row belongs to: a node belongs to each of its labels."""
    if kind == "user":
        return [f"user {_quoted(names[0])}"]
    database, *rest = names
    place = f"database {_quoted(database)}"
    if kind == "node":
        return [f"{place} nodes with label {_quoted(label)}" for label in rest] or [
            f"{place} nodes without label"
        ]
    if kind == "relationship":
        return [f"{place} relationships of type {_quoted(rest[0])}"]
    return [f"{place} {kind} {_quoted(rest[0])}"]


def _checksum(name: str, count: int, digest: str) -> dict[str, Any]:
    if " nodes with" in name or " relationships of type " in name:
        return {"count": count, "digest": digest}
    return {"digest": digest}


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
