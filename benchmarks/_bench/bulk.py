# SPDX-License-Identifier: GPL-3.0-or-later
"""More data than the seeders give, and what changes of it from one day to the next.

Always the same for the same numbers: all that looks random comes from a hash of a number.
"""

from __future__ import annotations

import importlib.util
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2

from . import PROJECT

BATCH = 20_000
SHARE = 100  # one in so many changes each day
POINT_SIZE = 128  # numbers of a point's vector
OBJECT_BYTES = 64 * 1024

# Words of a node: about 200 bytes that do not compress to nothing.
NODE_TEXT = (
    "reduce(t = '', k IN range(1, 24) | t + toString((n * 7919 + k * 104729 + $day * 31)"
    " % 1000003) + ' ')"
)
# Table, its column that changes, and the new value; %(day)s makes it another one each day.
TABLES = (
    ("debian.package", "id", "popularity = (id * 31 + %(day)s) %% 1009"),
    ("debian.dependency", "package_id", "qualifier = 'day' || %(day)s"),
    ("debian.download", "id", "seconds = (id + %(day)s) %% 1013"),
    ("debian.build", "id", "log = 'day ' || %(day)s || E'\\n' || log"),
)


# The tables that grow, and their columns but for the first, an id.
COPIED = {
    "debian.download": "at, package_id, client, bytes + %(n)s, seconds, request",
    "debian.build": "package_id, during, md5((id + %(n)s)::text) || log, report,"
    " sha256((id * %(n)s)::text::bytea) || artefact",
}


def fill(service: Any, count: int) -> None:
    """Add so many nodes, keys, points or objects, or make a service that many times as large."""
    FILLERS[service.type](service, count)


def change(service: Any, day: int, local: bool = False) -> None:
    """Change one in a hundred rows, nodes, keys, points or objects: every hundredth, or with
    locality the last ones. What has no change here changes nothing.
    """
    if service.type in CHANGES:
        CHANGES[service.type](service, day, local)


def seeder(service_type: str) -> Any:
    """Return a seeder's module, for its client."""
    path = PROJECT / "molecule" / "seed" / f"{service_type}.py"
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    found = importlib.util.spec_from_file_location(f"seed_{service_type}", path)
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module
    found.loader.exec_module(module)
    return module


def _neo4j(service: Any) -> Any:
    return seeder("neo4j").Server(f"http://{service.address}:7474", "neo4j", service.password)


def _fill_neo4j(service: Any, count: int) -> None:
    server = _neo4j(service)
    server.run("CREATE RANGE INDEX bulk_n IF NOT EXISTS FOR (b:Bulk) ON (b.n)")
    for first in range(0, count, BATCH):
        server.run(
            f"UNWIND range($first, $last) AS n CREATE (b:Bulk {{n: n, text: {NODE_TEXT}}})"
            " WITH b WHERE b.n % 2 = 1 CREATE (b)-[:NEXT {n: b.n}]->(b)",
            first=first,
            last=min(first + BATCH, count) - 1,
            day=0,
        )


def _change_neo4j(service: Any, day: int, local: bool) -> None:
    server = _neo4j(service)
    ((highest,),) = server.run("MATCH (b:Bulk) RETURN max(b.n)")
    top = int(highest["_value"])
    server.run(
        "MATCH (b:Bulk) WHERE CASE WHEN $local THEN b.n > $top - $top / $share"
        f" ELSE b.n % $share = $day END WITH b, b.n AS n SET b.text = {NODE_TEXT}",
        local=local,
        top=top,
        share=SHARE,
        day=day,
    )


def _chosen(count: int, day: int, local: bool) -> range:
    """Return which of so many numbers change on a day."""
    return range(count - count // SHARE, count) if local else range(day % SHARE, count, SHARE)


def _keys(numbers: Iterator[int] | range, day: int) -> Iterator[tuple[str, str, bytes]]:
    for number in numbers:
        chance = random.Random(f"{number} {day}")
        yield "SET", f"bulk:{number}", chance.randbytes(150).hex().encode()


def _redis(service: Any) -> Any:
    return seeder("redis").Server(f"redis://{service.address}:6379", service.password)


def _fill_redis(service: Any, count: int) -> None:
    server = _redis(service)
    for first in range(0, count, 2000):
        server.run(list(_keys(range(first, min(first + 2000, count)), 0)))
    server.run([("SET", "bulk", count)])


def _change_redis(service: Any, day: int, local: bool) -> None:
    server = _redis(service)
    count = int(server.run([("GET", "bulk")])[0])
    server.run(list(_keys(_chosen(count, day, local), day)))


def _points(numbers: Iterator[int] | range, day: int) -> Iterator[dict[str, Any]]:
    for number in numbers:
        chance = random.Random(f"{number} {day}")
        vector = [chance.gauss(0, 1) for _ in range(POINT_SIZE)]
        payload = {"number": number, "text": chance.randbytes(150).hex()}
        yield {"id": number, "vector": vector, "payload": payload}


def _qdrant(service: Any) -> Any:
    return seeder("qdrant").Server(f"http://{service.address}:6333", service.password)


def _fill_qdrant(service: Any, count: int) -> None:
    server = _qdrant(service)
    config = {"vectors": {"size": POINT_SIZE, "distance": "Cosine"}}
    server.ask("PUT", "/collections/bulk", config)
    server.insert("bulk", _points(range(count), 0))


def _change_qdrant(service: Any, day: int, local: bool) -> None:
    server = _qdrant(service)
    count = server.ask("GET", "/collections/bulk")["points_count"]
    server.insert("bulk", _points(_chosen(count, day, local), day))


def _minio(service: Any) -> Any:
    return seeder("minio").Server(f"http://janus@{service.address}:9000", service.password)


def _put(server: Any, numbers: Iterator[int] | range, day: int) -> None:
    for number in numbers:
        body = random.Random(f"{number} {day}").randbytes(OBJECT_BYTES // 2).hex().encode()
        server.put("bulk", f"{number // 1000}/{number}", body)


def _fill_minio(service: Any, count: int) -> None:
    server = _minio(service)
    server.ask("PUT", "/bulk")
    _put(server, range(count), 0)
    server.put("bulk", "count", str(count).encode())


def _change_minio(service: Any, day: int, local: bool) -> None:
    server = _minio(service)
    count = int(server.ask("GET", "/bulk/count")[0])
    _put(server, _chosen(count, day, local), day)


def _postgresql(service: Any) -> Any:
    return psycopg2.connect(
        host=service.address, user="janus", password=service.password, dbname="debian"
    )


def _fill_postgresql(service: Any, times: int) -> None:
    """Make the seeder's two largest tables so many times as large, every row another one. The
    server does it, for the seeder would take half an hour.
    """
    connection = _postgresql(service)
    with connection, connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for table, columns in COPIED.items():
            cursor.execute(f"SELECT max(id) FROM {table}")
            top = cursor.fetchone()[0]
            for n in range(1, times):  # a row's likes not beside it, or they would compress to one
                cursor.execute(
                    f"INSERT INTO {table} SELECT id + %(top)s * %(n)s, {columns} FROM {table}"
                    " WHERE id <= %(top)s",
                    {"top": top, "n": n},
                )
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("VACUUM ANALYZE")
    connection.close()


def _change_postgresql(service: Any, day: int, local: bool) -> None:
    connection = _postgresql(service)
    with connection, connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for table, key, setting in TABLES:
            cursor.execute(f"SELECT max({key}) FROM {table}")
            top = cursor.fetchone()[0]
            # by a hash, so that the changed rows are not evenly spaced
            spread = f"abs(hashint8({key}::bigint) %% {SHARE}) = {day % SHARE}"
            where = f"{key} > {top - top // SHARE}" if local else spread
            cursor.execute(f"UPDATE {table} SET {setting} WHERE {where}", {"day": day})
    connection.close()


FILLERS: dict[str, Callable[[Any, int], None]] = {
    "neo4j": _fill_neo4j,
    "redis": _fill_redis,
    "qdrant": _fill_qdrant,
    "minio": _fill_minio,
    "postgresql": _fill_postgresql,
}
CHANGES: dict[str, Callable[[Any, int, bool], None]] = {
    "neo4j": _change_neo4j,
    "redis": _change_redis,
    "qdrant": _change_qdrant,
    "minio": _change_minio,
    "postgresql": _change_postgresql,
}
