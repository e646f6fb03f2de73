# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill a Neo4j server with the dependency graph of this machine's packages.

Empties the default database and its schema, and makes anew the seeder's own users. The same
packages give the same graph. Needs Neo4j 5.26 or later with its Query API, and nothing but Python.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import itertools
import json
import os
import random
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any

from packages import Catalogue, catalogue

USERS = {"debian_reader": ("geheim: reader", False), "debian_former": ("geheim: former", True)}
BATCH = 5_000
TYPED = "application/vnd.neo4j.query"

SCHEMA = (
    "CREATE CONSTRAINT package_key FOR (p:Package) REQUIRE (p.name, p.architecture) IS UNIQUE",
    'CREATE CONSTRAINT `sect "ion"` FOR (s:Section) REQUIRE s.name IS UNIQUE',
    "CREATE INDEX package_size FOR (p:Package) ON (p.size)",
    "CREATE TEXT INDEX package_homepage FOR (p:Package) ON (p.homepage)",
    "CREATE INDEX relation_version FOR ()-[r:DEPENDS]-() ON (r.version)",
    "CREATE FULLTEXT INDEX package_words FOR (p:Package) ON EACH [p.description, p.name]",
    "CREATE POINT INDEX place FOR (v:Value) ON (v.geo)",
    "CREATE VECTOR INDEX package_vector FOR (v:Value) ON (v.embedding) OPTIONS"
    " {indexConfig: {`vector.dimensions`: 8, `vector.similarity_function`: 'cosine'}}",
)

# One node for each family of types; a name says what is there to trip over.
VALUES = r"""
CREATE (v:Value:`Ünï "quoted" label
of \\ two lines` {
  text: 'a\n"b", \\ \r\t\u0000 \u2028 ☃ 𝄞', empty: '', `key with "quotes", \\ and
a line`: 1, null_text: 'null', number_text: '1', truth: true, untruth: false,
  zero: 0, least: -9223372036854775808, most: 9223372036854775807, one: 1, one_float: 1.0,
  minus_zero: -0.0, tiny: 4.9e-324, huge: 1.7976931348623157e308, third: 1.0/3.0,
  not_a_number: 0.0/0.0, infinite: 1.0/0.0, minus_infinite: -1.0/0.0,
  day: date('-4712-01-01'), far: date('+999999-12-31'),
  local: localtime('23:59:59.999999999'), zoned_time: time('01:02:03.4+05:45'),
  local_moment: localdatetime('1582-10-15T00:00:00.000000001'),
  moment: datetime('2026-03-29T01:59:59.999999999+01:00'),
  zoned_moment: datetime('2026-10-25T02:30:00[Europe/Berlin]'),
  span: duration('P1Y2M3DT4H5M6.789000001S'), back: duration('P-1M1DT-0.1S'),
  flat: point({x: 1.5, y: -2}), solid: point({x: 1, y: 2, z: 3}),
  geo: point({latitude: 52.5, longitude: 13.4}),
  high_geo: point({latitude: -90, longitude: 180, height: 8848.86}),
  no_list: [], numbers: [1, 2, 3], floats: [1.0, 0.1, -0.0], truths: [true, false],
  texts: ['', 'a\nb', '"', '\\'], days: [date('2026-01-01'), date('1970-01-01')],
  times: [time('00:00Z')], moments: [datetime('2026-01-01T00:00:00[Asia/Tokyo]')],
  spans: [duration('P1M'), duration('P30D')], places: [point({x: 0, y: 0})],
  embedding: [i IN range(1, 8) | 1.0 / i], long_list: range(1, 20000)})
CREATE (v)-[:`TYPE "of"
a thing` {since: date('2026-01-01'), raw: $bytes}]->(v)
CREATE (v)-[:TWICE {n: 1}]->(w:Value:Bytes {raw: $bytes, none: $none, long: $long})
CREATE (v)-[:TWICE {n: 1}]->(w)
CREATE ({name: 'without label'})
CREATE ()
CREATE (:`a\u005Cu0060b` {name: 'a label with an escape in it'})
"""


class Server:
    """The Query API of a server; values are typed, so that bytes are bytes.

    A container that is stopped takes its network with it, so that a client may never hear of it: it
    waits for `timeout` seconds.
    """

    def __init__(self, url: str, user: str, password: str, timeout: float = 600) -> None:
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._url, self._timeout = url.rstrip("/"), timeout
        self._headers = {"Content-Type": TYPED, "Accept": TYPED, "Authorization": f"Basic {token}"}

    def run(self, statement: str, database: str = "neo4j", **parameters: Any) -> list[list[Any]]:
        """Run a statement and return its rows. Raise RuntimeError if the server refuses."""
        body = {"statement": statement, "parameters": {k: typed(v) for k, v in parameters.items()}}
        request = urllib.request.Request(
            f"{self._url}/db/{database}/query/v2", json.dumps(body).encode(), self._headers
        )
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:
                said = json.load(answer)
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{statement[:80]}…: {error.read().decode()[:500]}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            # also what a server that stops breaks off in the middle of its answer
            raise RuntimeError(f"cannot reach {self._url}: {error}") from error
        if "data" not in said:
            raise RuntimeError(f"{statement[:80]}…: {said}")
        found: list[list[Any]] = said["data"]["values"]
        return found


def typed(value: Any) -> Any:
    """Return a value as the Query API's typed JSON has it."""
    match value:
        case None:
            return {"$type": "Null", "_value": None}
        case bool():
            return {"$type": "Boolean", "_value": value}
        case int():
            return {"$type": "Integer", "_value": str(value)}
        case float():
            return {"$type": "Float", "_value": repr(value)}
        case str():
            return {"$type": "String", "_value": value}
        case bytes():
            return {"$type": "Base64", "_value": base64.b64encode(value).decode()}
        case list():
            return {"$type": "List", "_value": [typed(entry) for entry in value]}
        case dict():
            return {"$type": "Map", "_value": {key: typed(entry) for key, entry in value.items()}}
    raise TypeError(f"no type of Neo4j for {value!r}")


def package_rows(world: Catalogue) -> Iterator[dict[str, Any]]:
    """Yield each package with the properties it has; None means the node has none of that name."""
    for entry in world:
        yield {
            "section": entry.section or "unknown",
            "properties": {
                "name": entry.name,
                "version": entry.version,
                "architecture": entry.architecture,
                "size": entry.size,
                "installed_size": entry.installed_size,
                "essential": entry.essential or None,
                "homepage": entry.homepage,
                "tags": list(entry.tags) or None,
                "description": entry.description,
                "sha256": bytes.fromhex(entry.sha256) if entry.sha256 else None,
            },
        }


def relation_rows(world: Catalogue) -> dict[str, list[dict[str, Any]]]:
    """Return the relations by kind, as many per package as it declares."""
    known: dict[str, str] = {}
    for entry in world:
        known.setdefault(entry.name, entry.architecture)
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in world:
        for position, dependency in enumerate(entry.dependencies):
            for choice, other in enumerate(dependency.alternatives):
                if other.name in known:
                    row = {
                        "from": entry.name,
                        "from_architecture": entry.architecture,
                        "to": other.name,
                        "to_architecture": known[other.name],
                        "properties": {
                            "position": position,
                            "choice": choice,
                            "relation": other.relation,
                            "version": other.version,
                        },
                    }
                    kind = dependency.kind.upper().replace("-", "_")
                    found.setdefault(kind, []).append(row)
    return found


def empty(server: Server) -> None:
    """Take away all that is in the default database, and the seeder's own users."""
    server.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS")
    for kind, shown in (
        ("CONSTRAINT", "SHOW CONSTRAINTS YIELD name"),
        ("INDEX", "SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP'"),
    ):
        for (name,) in server.run(f"{shown} RETURN name"):
            quoted = name["_value"].replace("`", "``")
            server.run(f"DROP {kind} `{quoted}` IF EXISTS")
    for user in USERS:
        server.run(f"DROP USER `{user}` IF EXISTS", "system")


def batches(rows: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield the rows in lists that one transaction takes."""
    iterator = iter(rows)
    while batch := list(itertools.islice(iterator, BATCH)):
        yield batch


def fill(server: Server, world: Catalogue) -> None:
    """Create the graph, the awkward values and the users."""
    for statement in SCHEMA:
        server.run(statement)
    server.run("CALL db.awaitIndexes(300)")
    for batch in batches(package_rows(world)):
        server.run(
            "UNWIND $rows AS row MERGE (s:Section {name: row.section})"
            " CREATE (p:Package)-[:IN]->(s) SET p = row.properties",
            rows=batch,
        )
    server.run("MATCH (p:Package) WHERE p.essential SET p:Essential")
    for kind, rows in sorted(relation_rows(world).items()):
        for batch in batches(rows):
            server.run(
                "UNWIND $rows AS row"
                " MATCH (a:Package {name: row.from, architecture: row.from_architecture})"
                " MATCH (b:Package {name: row.to, architecture: row.to_architecture})"
                f" CREATE (a)-[r:{kind}]->(b) SET r = row.properties",
                rows=batch,
            )
    noise = random.Random("neo4j").randbytes(100_000)
    server.run(VALUES, bytes=bytes(range(256)), none=b"", long=noise.hex())
    # Holes in the store: what is created last is not what has the highest id.
    server.run("UNWIND range(1, 500) AS i CREATE (:Gone {i: i})")
    server.run("MATCH (g:Gone) WHERE g.i % 2 = 0 DELETE g")
    for user, (password, change) in USERS.items():
        required = "CHANGE REQUIRED" if change else "CHANGE NOT REQUIRED"
        server.run(
            f"CREATE USER `{user}` SET PASSWORD $password {required}", "system", password=password
        )


def main() -> int:
    """Parse the command line, seed, and print the result as one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:7474", help="of the HTTP connector")
    parser.add_argument("--user", default="neo4j", help="the password is in NEO4J_PASSWORD")
    parser.add_argument("--packages", type=int, default=5_000, help="at most (%(default)s)")
    arguments = parser.parse_args()
    began = time.monotonic()
    server = Server(arguments.url, arguments.user, os.environ.get("NEO4J_PASSWORD", ""))
    try:
        with catalogue(arguments.packages) as world:
            if not len(world):
                raise RuntimeError("this machine knows no packages")
            empty(server)
            fill(server, world)
        (counts,) = server.run(
            "CALL () { MATCH (n) RETURN count(n) AS nodes }"
            " CALL () { MATCH ()-[r]->() RETURN count(r) AS relationships }"
            " RETURN nodes, relationships"
        )
    except RuntimeError as failure:
        parser.exit(1, f"neo4j.py: {failure}\n")
    nodes, relationships = (int(count["_value"]) for count in counts)
    result = {"nodes": nodes, "relationships": relationships}
    print(json.dumps({**result, "seconds": round(time.monotonic() - began, 1)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
