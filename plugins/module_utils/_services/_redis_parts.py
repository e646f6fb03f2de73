# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One database of Redis, or the keys of a pattern in one, from a restored twin, beside the present
ones or in their place.

Keys go over as DUMP gives and RESTORE takes them, batch by batch, into an empty database, and are
compared there. They take their place in one transaction, a whole database by SWAPDB, keys by MOVE,
which leaves a mark in the database where the present ones are kept from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._checksum import differences
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._helper import Helper
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _redis_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _redis_checksums as checksums,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _redis_settings as settings,
)

KINDS = {
    "database": "<number>",
    "keys": "<number>/<pattern>, a pattern of SCAN",
}
Side = tuple[dict[str, Any], Helper]
_BATCH = 100
_MOST = 100_000  # keys in one transaction: the server does nothing else meanwhile


def restore_part(
    live: Side,
    twin: Side,
    part: dict[str, Any],
    work: Path,
    remember: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Given both servers, {kind, path, as_name (the number of an empty database, or "" for in its
    place), mark}, restore the part.

    Return {restored, aside (None if there is nothing), objects}. Raise BackupError if there are no
    such keys, too few databases are empty, or the keys do not come back equal.
    """
    number, _slash, pattern = part["path"].partition("/")
    whole = part["kind"] == "database"
    if not number.isdigit() or bool(pattern) == whole:
        raise BackupError(f"{part['path']} is not {KINDS[part['kind']]}")
    with access.session(live[0]) as session, access.session(twin[0]) as source:
        empty = _empty(session, part["as_name"], 1 if whole or part["as_name"] else 2)
        token = {"number": number, "fresh": empty[0], "aside": empty[-1], "whole": whole}
        token |= {"pattern": pattern or "*", "mark": f"janus-restore-{part['mark']}"}
        remember(token)
        copied = _copy(source, session, token)
        if part["as_name"]:
            return {"restored": f"database {empty[0]}", "aside": None, "objects": copied}
        _place(session, token)
    return {"restored": part["path"], "aside": f"database {token['aside']}", "objects": copied}


def undo(token: dict[str, Any]) -> None:
    """Given what was remembered, have everything as before; again and again if need be."""
    with access.session(token["service"]) as session:
        session.command("SELECT", token["aside"])
        if session.command("EXISTS", token["mark"]):
            _take_back(session, token)
        session.command("SELECT", token["fresh"])
        session.command("FLUSHDB")


def discard(token: dict[str, Any]) -> None:
    """Given what was remembered of a part that is in its place, remove what was kept aside."""
    with access.session(token["service"]) as session:
        session.command("SELECT", token["aside"])
        if session.command("EXISTS", token["mark"]):
            session.command("FLUSHDB")


def _empty(session: access.Session, wanted: str, number: int) -> list[str]:
    """Return as many empty databases, the last ones or the one that is wanted."""
    used = {name.removeprefix("db") for name in session.info("keyspace")}
    if wanted:
        if not wanted.isdigit() or wanted in used:
            raise BackupError(f"{session.place} has no empty database {wanted}")
        return [wanted]
    count = int(settings.read(session)["databases"])
    found = [str(each) for each in range(count) if str(each) not in used][-number:]
    if len(found) < number:
        raise BackupError(f"{session.place} has fewer than {number} empty databases to work in")
    return found


def _keys(session: access.Session, pattern: str) -> Iterator[list[bytes]]:
    cursor, seen = b"0", set[bytes]()
    while True:
        cursor, keys = session.command("SCAN", cursor, "MATCH", pattern, "COUNT", _BATCH)
        yield [key for key in dict.fromkeys(keys) if key not in seen]
        seen.update(keys)
        if cursor == b"0":
            return


def _copy(source: access.Session, session: access.Session, token: dict[str, Any]) -> int:
    """Copy the keys into the fresh database and compare. Return how many there are."""
    place = token["number"]
    source.command("SELECT", place)
    if not token["whole"]:  # alone in a database of the twin, to be compared
        place = _empty(source, "", 1)[0]
        for keys in list(_keys(source, token["pattern"])):
            source.send([("MOVE", key, place) for key in keys])
            for _key in keys:
                source.reply()
        source.command("SELECT", place)
    session.command("SELECT", token["fresh"])
    copied = 0
    for keys in _keys(source, "*"):
        for key in keys:  # one value at a time is held here, whatever the batch
            source.send([("PEXPIRETIME", key), ("DUMP", key)])
            expiry, value = source.reply(), source.reply()
            if value is not None:
                session.command("RESTORE", key, max(expiry, 0), value, "ABSTTL")
                copied += 1
    if not copied:
        raise BackupError(f"the archive has no {token['pattern']} in database {token['number']}")
    expected, found = (checksums.of_database(each, "restored", False) for each in (source, session))
    if sentences := differences(expected, found):
        raise BackupError(f"keys did not come back equal: {sentences[0]}")
    return copied


def _place(session: access.Session, token: dict[str, Any]) -> None:
    number, fresh, aside = token["number"], token["fresh"], token["aside"]
    if token["whole"]:
        moves: list[tuple[access.Word, ...]] = [("SWAPDB", number, fresh)]
    else:
        out = _moves(session, number, token["pattern"], aside)
        moves = [*out, *_moves(session, fresh, "*", number)]
    _together(session, [*moves, ("SELECT", aside), ("SET", token["mark"], "1")])
    session.command("SELECT", fresh)
    if not token["whole"] and session.command("DBSIZE"):
        raise BackupError("clients made keys of the pattern meanwhile: try again")


def _take_back(session: access.Session, token: dict[str, Any]) -> None:
    number, fresh, aside = token["number"], token["fresh"], token["aside"]
    unmark: list[tuple[access.Word, ...]] = [("SELECT", aside), ("DEL", token["mark"])]
    if token["whole"]:
        _together(session, [*unmark, ("SWAPDB", number, fresh)])
        return
    out = _moves(session, number, token["pattern"], fresh)
    _together(session, [*unmark, *out, *_moves(session, aside, "*", number, token["mark"])])


def _moves(
    session: access.Session, number: str, pattern: str, target: str, mark: str = ""
) -> list[tuple[access.Word, ...]]:
    session.command("SELECT", number)
    keys = [key for batch in _keys(session, pattern) for key in batch if key != mark.encode()]
    if len(keys) > _MOST:
        raise BackupError(f"{len(keys)} keys are too many to move at once: restore the database")
    return [("SELECT", number), *(("MOVE", key, target) for key in keys)]


def _together(session: access.Session, commands: list[tuple[access.Word, ...]]) -> None:
    session.send([("MULTI",), *commands, ("EXEC",)])
    for _queued in range(len(commands) + 1):
        session.reply()
    session.reply()
