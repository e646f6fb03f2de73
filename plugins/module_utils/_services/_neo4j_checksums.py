# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data checksums of a Neo4j server: the same statements against the copy and the restored one.

A cold copy keeps every internal id and the order of properties, so both are part of the checksums.
Rows are hashed one by one and the hashes are summed, so that the order of rows does not matter.
Nodes and relationships are hashed as Bolt encodes them. Earlier versions hashed what Cypher Shell
prints, which took several times as long and let a backslash before a quote go unseen: digests of
the present way begin with `WAY`, and what is compared with one of the earlier is computed in that
one's way. docs/services/neo4j.md says what is compared and why.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from ansible_collections.janus.backup.plugins.module_utils._checksum import Checksums, canonical
from ansible_collections.janus.backup.plugins.module_utils._services._neo4j_bolt import (
    Session,
    unpacked,
)
from ansible_collections.janus.backup.plugins.module_utils._services._neo4j_shell import (
    Rows,
    Script,
)

WAY = "2:"
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


class _Statement(NamedTuple):
    """What reads objects of one kind in a database: a query up to its RETURN, of each row the
    texts that name its object, and of a node the list of its labels, and what is compared.
    """

    database: str
    query: str
    kind: str
    names: list[str]
    labels: str | None
    body: str


def _statements(databases: list[str]) -> Iterator[_Statement]:
    for database in databases:
        place = json.dumps(database)
        node = f"[{_ID.format('n')}, {_PROPERTIES.format('n')}]"
        yield _Statement(database, "MATCH (n)", "node", [place], "labels(n)", node)
        ids = ", ".join(_ID.format(x) for x in "rab")
        body, of_type = f"[{ids}, {_PROPERTIES.format('r')}]", [place, "type(r)"]
        yield _Statement(database, "MATCH (a)-[r]->(b)", "relationship", of_type, None, body)
        for kind, command, name, detail in _SCHEMA:
            yield _Statement(database, command, kind, [place, name], None, detail)
    command = "SHOW USERS YIELD user, roles, passwordChangeRequired, suspended, home"
    detail = "[roles, passwordChangeRequired, suspended, home]"
    yield _Statement("system", command, "user", ["user"], None, detail)


def read(session: Session, databases: list[str]) -> Checksums:
    """Given a session and the user databases of its server, return the checksum of each object."""
    return summed(_rows(session, databases), WAY)


def _rows(session: Session, databases: list[str]) -> Rows:
    for database, query, kind, names, labels, body in _statements(databases):
        head = f"[{', '.join([json.dumps(kind), *names])}]" + (f" + {labels}" if labels else "")
        # Of these there are many; what the others have may be a mapping, whose order means nothing.
        as_encoded = kind in ("node", "relationship")
        told: list[str] = []
        known = b"-"  # the head as it is encoded; no row, which is a list, begins like this
        for row in session.read(database, f"{query} RETURN {head}, {body}"):
            if not row.startswith(known):
                told, end = unpacked(row, 1)
                known = row[:end]
            rest = row[len(known) :]
            yield told, rest if as_encoded else canonical(unpacked(rest)[0]).encode()


def script(databases: list[str]) -> Script:
    """Given the user databases of a server, return the same statements for Cypher Shell."""
    made = Script()
    for database, query, kind, names, labels, body in _statements(databases):
        made.use(database)
        made.add(query, [json.dumps(kind), *names], labels, body)
    return made


def summed(rows: Rows, way: str = "") -> Checksums:
    """Given rows, each a head that tells its object and a body, return the checksum of each object,
    which says in which way it was computed.
    """
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
    return {
        name: _checksum(name, count, f"{way}{total:032x}") for name, (count, total) in found.items()
    }


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
