# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data checksums of a Redis server: every key of every database by its type and its content.

Keys are read by type, not by DUMP, whose bytes depend on encodings that a restore may change.
docs/services/redis.md says what is compared and why.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._checksum import Checksums, digest
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _redis_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _redis_settings as settings,
)

# Above so many keys that never expire, a database's keys are told by prefix, not one by one.
NAMED_KEYS = 10_000
_BATCH = 200
_MODULUS = 2**128
_HOUR = 3_600_000
# Nature of the memory, and when a consumer was last heard of, which an AOF does not keep.
_PASSING = (b"$radix-tree-keys", b"$radix-tree-nodes", b"$seen-time", b"$active-time")


def of_data(session: access.Session) -> Checksums:
    """Given a session, return the checksums of all keys and function libraries."""
    found: Checksums = {}
    for name, line in session.info("keyspace").items():
        fields = dict(field.partition("=")[::2] for field in line.split(","))
        named = int(fields["keys"]) - int(fields["expires"]) <= NAMED_KEYS
        session.command("SELECT", name.removeprefix("db"))
        found |= of_database(session, f"database {name.removeprefix('db')}", named)
    for library in session.command("FUNCTION", "LIST", "WITHCODE"):
        parts = _mapping(library)
        name = printable(parts[b"library_name"])
        code = (parts[b"engine"] + b" " + parts[b"library_code"]).decode(errors="replace")
        found[f"function library {name}"] = {"digest": digest(code)[:32]}
    return found


def of_server(users: list[bytes], configuration: dict[str, str]) -> Checksums:
    """Given the reply of ACL LIST and the configuration, return their checksums."""
    found: Checksums = {}
    for line in users:
        name = printable(line.split(b" ")[1])
        text = settings.comparable(line.decode(errors="replace"))
        found[f"user {name}"] = {"digest": digest(text)[:32]}
    found["configuration"] = dict(settings.compared(configuration))
    return found


def printable(name: bytes) -> str:
    """Given a name of any bytes, return it quoted, different for different bytes."""
    text = name.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
    return '"' + text.replace('"', '\\"') + '"'


def _mapping(flat: list[Any]) -> dict[bytes, Any]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def of_database(session: access.Session, place: str, named: bool) -> Checksums:
    """Given a session in a database and its name, return the checksums of all keys in it, each of
    its own if they are to be named.
    """
    size = session.command("DBSIZE")
    if size > NAMED_KEYS:
        # SCAN names every key that stays, and may name one twice: as many names as keys are each
        # key once, and none has to be remembered.
        found, told = _read_database(session, place, named, None)
        if told == size == session.command("DBSIZE"):
            return found
    return _read_database(session, place, named, set())[0]


def _read_database(
    session: access.Session, place: str, named: bool, seen: set[bytes] | None
) -> tuple[Checksums, int]:
    """Return the checksums and how many keys were read; of a key that is seen twice, once."""
    found: Checksums = {}
    told = 0
    for keys in _scanned(session, seen):
        told += len(keys)
        session.send([command for key in keys for command in (("TYPE", key), ("PEXPIRETIME", key))])
        natures = [(key, session.reply(), session.reply()) for key in keys]
        natures = [(key, kind, expiry) for key, kind, expiry in natures if kind != b"none"]
        session.send([_reading(kind, key) for key, kind, _nature in natures])
        for key, kind, expiry in natures:
            value = _digest(kind, session.tokens())
            if expiry >= 0 and expiry <= time.time() * 1000:
                continue  # it went, or is about to go, while it was read
            prefix = printable(key.partition(b":")[0] + b":") if b":" in key else "without prefix"
            nature = kind.decode(errors="replace")
            line = digest([printable(key), nature, expiry, value])
            if expiry >= 0:
                hour = time.strftime("%Y-%m-%dT%HZ", time.gmtime(expiry // 1000))
                group = found.setdefault(
                    f"{place} keys {prefix} that expire {hour}",
                    {"keys": 0, "digest": 0, "until": expiry / 1000},
                )
                group["until"] = min(group["until"], expiry / 1000)
            elif named:
                name = f"{place} key {printable(key)}"
                found[name] = {"type": nature, "digest": value[:32]}
                continue
            else:
                group = found.setdefault(f"{place} keys {prefix}", {"keys": 0, "digest": 0})
            group["keys"] += 1
            group["digest"] = (group["digest"] + int(line[:32], 16)) % _MODULUS
    for entry in found.values():
        if isinstance(entry["digest"], int):  # a sum, so that the order of keys does not matter
            entry["digest"] = f"{entry['digest']:032x}"
    return found, told


def _scanned(session: access.Session, seen: set[bytes] | None) -> Iterator[list[bytes]]:
    cursor = b"0"
    while True:
        cursor, keys = session.command("SCAN", cursor, "COUNT", _BATCH)
        yield keys if seen is None else list(_fresh(keys, seen))
        if cursor == b"0":
            return


def _fresh(keys: list[bytes], seen: set[bytes]) -> Iterator[bytes]:
    for key in keys:
        mark = hashlib.blake2b(key, digest_size=16).digest()
        if mark not in seen:
            seen.add(mark)
            yield key


def _reading(kind: bytes, key: bytes) -> tuple[access.Word, ...]:
    readings: dict[bytes, tuple[access.Word, ...]] = {
        b"string": ("GET", key),
        b"list": ("LRANGE", key, 0, -1),
        b"set": ("SMEMBERS", key),
        b"hash": ("HGETALL", key),
        b"zset": ("ZRANGE", key, 0, -1, "WITHSCORES"),
        b"stream": ("XINFO", "STREAM", key, "FULL", "COUNT", 0),
    }
    return readings.get(kind, ("DUMP", key))  # a type of a module: its serialisation has to do


def _digest(kind: bytes, tokens: Iterator[bytes]) -> str:
    readers: dict[bytes, Callable[[Iterator[bytes]], str]] = {
        b"set": lambda members: _unordered(members, 1),
        b"hash": lambda fields: _unordered(fields, 2),
        b"stream": lambda parts: _ordered(_lasting(parts)),
    }
    return readers.get(kind, _ordered)(tokens)


def _ordered(tokens: Iterator[bytes]) -> str:
    found = hashlib.sha256()
    for token in tokens:
        found.update(b"%d " % len(token))  # the length keeps ("ab", "c") from being ("a", "bc")
        found.update(token)
    return found.hexdigest()


def _unordered(tokens: Iterator[bytes], size: int) -> str:
    total = int(_ordered(iter([next(tokens)])), 16)  # how many there are
    while group := list(itertools.islice(tokens, size)):
        total += int(_ordered(iter(group)), 16)
    return f"{total % 2**256:064x}"


def _lasting(tokens: Iterator[bytes]) -> Iterator[bytes]:
    passing = False
    for token in tokens:
        # Numbers of the server's own; what clients have written is never a number here.
        if not (passing and token[:1] == b":"):
            yield token
        passing = token in _PASSING
