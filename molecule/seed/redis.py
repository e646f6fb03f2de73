# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill a Redis server with counters, queues and caches made of this machine's package world.

Deletes and makes anew its own keys, function library and user, leaves all others alone, and gives
the same data for the same packages. Needs Redis 7.0 or later and a user who may do everything.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import socket
import sys
import time
from typing import Any
from urllib.parse import unquote, urlsplit

from packages import Catalogue, Package, catalogue

USER = "debian-shipper"
PASSWORD = "geheim: shipper"
# Databases by number: the second has more keys than a backup tells one by one.
MAIN, CACHE, OTHER, LAST = 0, 1, 3, 15
# In milliseconds, so that no restore can shift them unseen.
EXPIRIES = (1_893_456_000_123, 4_102_444_800_999, 4_102_444_801_000)
CACHED = 12_000
# Spaces, quotes, an escape, line ends, no UTF-8, a protocol's own words, and empty.
ODD_KEYS = (
    b"debian odd key",
    b'd\xc3\xa9bian "quoted" \\x00',
    b"debian\r\n$3\r\nfoo",
    b"\xff\xfedebian\x00",
    b"debian*?[a]",
    b"",
    b"debian" + 5000 * b"n",
)
LIBRARY = b"""#!lua name=debian
redis.register_function('debian_rank', function(keys, arguments)
  return redis.call('ZREVRANK', keys[1], arguments[1])  -- \xe2\x98\x83
end)
redis.register_function{function_name='debian_count', flags={'no-writes'},
  callback=function(keys) return redis.call('HLEN', keys[1]) end}
"""

Word = str | bytes | int | float
Command = tuple[Word, ...]


class Server:
    """A connection to the server."""

    def __init__(self, url: str, password: str | None) -> None:
        """Connect to a URL such as redis://user@host:6379 and log in where there is a password."""
        parts = urlsplit(url)
        address = (parts.hostname or "127.0.0.1", parts.port or 6379)
        self._socket = socket.create_connection(address, timeout=60)
        self._stream = self._socket.makefile("rb")
        if password:
            self.run([("AUTH", *([unquote(parts.username)] if parts.username else []), password)])

    def run(self, commands: list[Command]) -> list[Any]:
        """Run commands in one go and return their replies. Raise RuntimeError if one fails."""
        parts = []
        for command in commands:
            words = [word if isinstance(word, bytes) else str(word).encode() for word in command]
            parts.append(b"*%d\r\n" % len(words))
            parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
        self._socket.sendall(b"".join(parts))
        return [self._reply() for _ in commands]

    def _reply(self) -> Any:
        line = self._stream.readline()[:-2]
        kind, rest = line[:1], line[1:]
        if kind == b"-" or not kind:
            raise RuntimeError(rest.decode() or "the server has closed the connection")
        if kind == b"*":
            return [self._reply() for _ in range(int(rest))]
        if kind == b"$":
            return self._stream.read(int(rest) + 2)[:-2] if rest != b"-1" else None
        return int(rest) if kind == b":" else rest


def remove(server: Server) -> None:
    """Remove what an earlier run has made."""
    for database in (MAIN, CACHE, OTHER, LAST):
        server.run([("SELECT", database)])
        cursor: bytes | int = 0
        while True:
            cursor, keys = server.run([("SCAN", cursor, "MATCH", "debian:*", "COUNT", 1000)])[0]
            server.run([("UNLINK", *keys)] if keys else [])
            if cursor == b"0":
                break
        server.run([("UNLINK", *ODD_KEYS)])
    if any(b"debian" in library for library in server.run([("FUNCTION", "LIST")])[0]):
        server.run([("FUNCTION", "DELETE", "debian")])
    server.run([("ACL", "DELUSER", USER)])


def per_package(number: int, entry: Package) -> list[Command]:
    """Return what each package adds to the keys that all share."""
    name, size = entry.name, entry.size or 0
    section = entry.section or "none"
    commands: list[Command] = [
        ("HSET", "debian:size", name, size),
        ("ZADD", "debian:ranking", size / 7, name),
        ("SADD", f"debian:section:{section}", name),
        ("PFADD", "debian:maintainers", entry.maintainer),
        ("SETBIT", "debian:essential", number, int(entry.essential)),
        ("RPUSH", "debian:queue:build", json.dumps({"package": name, "version": entry.version})),
        ("HINCRBYFLOAT", "debian:kilobytes", section, size / 1024),
    ]
    if number % 4 == 0:
        fields = ("package", name, "version", entry.version, "é", entry.description[:200])
        commands.append(
            ("XADD", "debian:uploads", f"{1_700_000_000_000 + number}-{number}", *fields)
        )
    if number < 500:
        commands += [
            ("SET", f"debian:session:{number}", name, "PXAT", EXPIRIES[number % len(EXPIRIES)]),
            ("GEOADD", "debian:mirrors", number / 3 - 80, number / 9 - 25, name),
        ]
    return commands


def by_hand() -> list[Command]:
    """Return the keys that stand for what tools stumble over."""
    noise = random.Random("redis").randbytes(3_000_001)
    commands: list[Command] = [
        *(("SET", key, noise[:number]) for number, key in enumerate(ODD_KEYS)),
        ("SET", "debian:value:noise", noise),
        ("SET", "debian:value:number", 2**63 - 1),
        ("SET", "debian:value:leading zero", "007"),
        ("SETRANGE", "debian:value:hole", 1_000_000, "end"),
        ("SADD", "debian:value:integers", *range(-5, 300)),
        ("SADD", "debian:value:set", "", b"\x00", b"\xff", "é", "1", "01"),
        (
            "ZADD",
            "debian:value:scores",
            "-inf",
            "a",
            "inf",
            "b",
            "0.1",
            "c",
            "1e308",
            "d",
            "-0",
            "e",
        ),
        ("ZADD", "debian:value:scores", "5e-324", "f", "0.30000000000000004", "g", 2**53, "h"),
        ("HSET", "debian:value:hash", "", "", "a", 70 * "long", b"\xff", b"\x00", "1", "0x1"),
        ("RPUSH", "debian:value:list", "", "b", "a", "b", noise[:100_000], "-1"),
        # A stream with holes, groups, pending entries, and one that is empty.
        ("XDEL", "debian:uploads", "1700000000004-4", "1700000000008-8"),
        ("XGROUP", "CREATE", "debian:uploads", "builders", "0"),
        ("XGROUP", "CREATE", "debian:uploads", "watchers é", "$", "ENTRIESREAD", "7"),
        ("XGROUP", "CREATECONSUMER", "debian:uploads", "builders", "idle"),
        ("XREADGROUP", "GROUP", "builders", "amd64", "COUNT", 9, "STREAMS", "debian:uploads", ">"),
        ("XREADGROUP", "GROUP", "builders", "arm64", "COUNT", 4, "STREAMS", "debian:uploads", ">"),
        ("XACK", "debian:uploads", "builders", "1700000000012-12"),
        # When a pending entry was delivered must not depend on when this ran.
        *(
            (
                *("XCLAIM", "debian:uploads", "builders", consumer, 0),
                *(f"{1_700_000_000_000 + n}-{n}", "TIME", 1_700_000_100_000 + n),
                *("RETRYCOUNT", 3, "FORCE"),
            )
            for n, consumer in zip(
                (0, *range(16, 60, 4)), itertools.cycle(("amd64", "amd64", "arm64")), strict=False
            )
        ),
        ("XGROUP", "CREATE", "debian:value:empty stream", "nobody", "$", "MKSTREAM"),
        ("FUNCTION", "LOAD", LIBRARY),
        ("ACL", "SETUSER", USER, "reset", "on", f">{PASSWORD}", "~debian:*", "&debian.*", "+@read"),
        ("ACL", "SETUSER", USER, "-@dangerous", "+rpop"),
        ("ACL", "SETUSER", USER, "(+set +get ~debian:scratch:*)"),
    ]
    return commands


def fill(server: Server, world: Catalogue) -> None:
    """Make everything anew."""
    remove(server)
    server.run([("SELECT", MAIN)])
    numbered = enumerate(world)
    while batch := list(itertools.islice(numbered, 500)):
        server.run([command for number, entry in batch for command in per_package(number, entry)])
    server.run(by_hand())
    server.run([("SELECT", CACHE)])
    for first in range(0, CACHED, 1000):
        numbers = range(first, first + 1000)
        server.run([("SET", f"debian:page:{number}", f"page {number}") for number in numbers])
    # The same names as in the first database, with other content and other types.
    server.run([("SELECT", OTHER), ("RPUSH", "debian:size", "not a hash"), ("SET", "", "other")])
    server.run([("SELECT", LAST), ("SET", "debian:queue:build", "last"), ("SELECT", MAIN)])


def seed(url: str, password: str | None, limit: int) -> dict[str, Any]:
    """Seed the server and return what is there. Raise RuntimeError if that is not possible."""
    began = time.monotonic()
    server = Server(url, password)
    with catalogue(limit) as world:
        if not len(world):
            raise RuntimeError("this machine knows no packages")
        fill(server, world)
        keys = {}
        for database in (MAIN, CACHE, OTHER, LAST):
            keys[str(database)] = server.run([("SELECT", database), ("DBSIZE",)])[1]
        return {
            "packages": len(world),
            "keys": keys,
            "seconds": round(time.monotonic() - began, 1),
        }


def main() -> int:
    """Parse the command line, seed, and print the result as one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--url",
        default="redis://127.0.0.1:6379",
        help="the server, redis://[user@]host[:port]; the password comes from the environment, from"
        " REDISCLI_AUTH (%(default)s)",
    )
    parser.add_argument(
        "--packages", type=int, default=20_000, help="packages at most (%(default)s)"
    )
    arguments = parser.parse_args()
    if arguments.packages < 100:
        parser.error("at least 100 packages")
    try:
        result = seed(arguments.url, os.environ.get("REDISCLI_AUTH"), arguments.packages)
    except (RuntimeError, OSError) as failure:
        parser.exit(1, f"redis.py: {failure}\n")
    print(json.dumps(result, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
