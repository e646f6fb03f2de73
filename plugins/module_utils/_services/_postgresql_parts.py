# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One database, schema or table of PostgreSQL, from a restored twin, beside the present one or in
its place.

The part is given its new name in the twin, dumped there and restored under that name; so what
comes of it is compared by name. In its place it comes by two renames in one transaction.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._checksum import Checksums, differences
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._helper import Helper
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _postgresql_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _postgresql_checksums as checksums,
)
from ansible_collections.janus.backup.plugins.module_utils._services import postgresql

KINDS = {
    "database": "<database>",
    "schema": "<database>/<schema>",
    "table": "<database>/<schema>.<table>, only beside: in the schema that as_name names",
}
Side = tuple[dict[str, Any], Helper]
_LONGEST = 63  # bytes of a name

# Objects outside a schema that depend on one in it: they would stay with the old one.
_DEPENDENTS = """SELECT DISTINCT pg_describe_object(d.classid, d.objid, 0)
    FROM pg_depend d
    JOIN pg_class held ON d.refclassid = 'pg_class'::regclass AND held.oid = d.refobjid
    LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
    LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
    JOIN pg_class by ON by.oid = coalesce(w.ev_class, k.conrelid)
    WHERE held.relnamespace = to_regnamespace(%(schema)s)
    AND by.relnamespace <> held.relnamespace"""
# Foreign keys of what was copied to what was not: a copy must not bind what clients work with.
_FOREIGN_KEYS = """SELECT conrelid::regclass::text, quote_ident(conname) FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class r ON r.oid = k.confrelid
    WHERE k.contype = 'f' AND k.conparentid = 0 AND c.relnamespace = to_regnamespace(%(schema)s)
    AND r.relnamespace <> c.relnamespace"""


def restore_part(
    live: Side,
    twin: Side,
    part: dict[str, Any],
    work: Path,
    remember: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Given both servers with a helper beside each, {kind, path, as_name ("" for in its place),
    mark}, and an empty directory, restore the part.

    Return {restored, aside (None if there is nothing), objects}. Raise BackupError if it is not in
    the twin, its new name is taken, something depends on it, or it does not come back equal.
    """
    database, _slash, inside = part["path"].partition("/")
    schema, _dot, table = inside.partition(".")
    present = _databases(live[0])
    if database not in _databases(twin[0]):
        raise BackupError(f"there is no database {database} in the archive")
    names = _names(part, schema or database)
    if part["kind"] == "database":
        if names["fresh"] in present:
            raise BackupError(f"there is a database {names['fresh']} already")
        remember({"kind": "database", "names": names, "database": "template1"})
        return _database(live, twin, names, work)
    if database not in present:
        raise BackupError(f"there is no database {database} to restore a {part['kind']} into")
    if part["kind"] == "table" and not part["as_name"]:
        raise BackupError(
            "a table cannot take the place of one on which views, keys and functions depend: "
            "restore it beside, into a schema of its own, and copy the rows that you need"
        )
    if _schema_exists(live[0], database, names["fresh"]):
        raise BackupError(f"there is a schema {names['fresh']} in {database} already")
    if not part["as_name"]:
        _refuse_dependents(live[0], database, schema)
    _rename_in_twin(twin[0], database, schema, table, names["fresh"], bool(part["as_name"]))
    remember({"kind": "schema", "names": names, "database": database})
    return _schema(live, twin, database, names, work)


def undo(token: dict[str, Any]) -> None:
    """Given what was remembered, have everything as before; again and again if need be."""
    names, database = token["names"], token["database"]
    service = {**token["service"], "scratch": "/run/janus-backup"}
    if names["aside"] and _exists(service, token, names["aside"]):
        _rename(service, token, [(names["live"], names["fresh"]), (names["aside"], names["live"])])
    _drop(service, token["kind"], database, names["fresh"])


def discard(token: dict[str, Any]) -> None:
    """Given what was remembered of a part that is in place, remove what was kept aside for it."""
    names, service = token["names"], {**token["service"], "scratch": "/run/janus-backup"}
    if names["aside"]:
        _drop(service, token["kind"], token["database"], names["aside"])


def _names(part: dict[str, Any], name: str) -> dict[str, Any]:
    if part["as_name"]:
        return {"source": name, "live": None, "fresh": part["as_name"], "aside": None}
    short = name.encode()[: _LONGEST - 30].decode(errors="ignore")
    fresh, aside = (f"{short}-{word}-{part['mark']}" for word in ("new", "before"))
    return {"source": name, "live": name, "fresh": fresh, "aside": aside}


def _databases(service: dict[str, Any]) -> list[str]:
    return list(postgresql.check(service | {"options": {}})["databases"])


def _exists(service: dict[str, Any], token: dict[str, Any], name: str) -> bool:
    if token["kind"] == "database":
        return name in _databases(service)
    return _schema_exists(service, token["database"], name)


def _schema_exists(service: dict[str, Any], database: str, schema: str) -> bool:
    with access.session(service, database) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_namespace WHERE nspname = %s", (schema,))
        return bool(cursor.rowcount)


def _refuse_dependents(service: dict[str, Any], database: str, schema: str) -> None:
    with access.session(service, database) as connection, connection.cursor() as cursor:
        cursor.execute(_DEPENDENTS, {"schema": checksums.quoted(schema)})
        if found := [name for (name,) in cursor.fetchall()]:
            raise BackupError(
                f"outside schema {schema} there depend on it: {', '.join(sorted(found)[:5])}; "
                "restore it beside the present one"
            )


def _database(live: Side, twin: Side, names: dict[str, Any], work: Path) -> dict[str, Any]:
    token = {"kind": "database", "database": "template1"}
    _rename(twin[0], token, [(names["source"], names["fresh"])])
    _copy(live, twin, names["fresh"], work, [], ["--dbname=template1", "--create"])
    return _prove_and_place(live, twin, "database", "template1", names, names["fresh"])


def _rename_in_twin(
    service: dict[str, Any], database: str, schema: str, table: str, fresh: str, loose: bool
) -> None:
    import psycopg2

    target = checksums.quoted(fresh)
    try:
        with access.session(service, database) as connection, connection.cursor() as cursor:
            if table:
                cursor.execute(f"CREATE SCHEMA {target}")
                name = checksums.quoted(schema, table)
                cursor.execute(
                    "SELECT relid::regclass::text FROM pg_partition_tree(%s::regclass)"
                    " UNION SELECT %s::regclass::text",
                    (name, name),
                )
                for (each,) in cursor.fetchall():
                    cursor.execute(f"ALTER TABLE {each} SET SCHEMA {target}")
            else:
                cursor.execute(f"ALTER SCHEMA {checksums.quoted(schema)} RENAME TO {target}")
            if loose:
                cursor.execute(_FOREIGN_KEYS, {"schema": target})
                for relation, constraint in cursor.fetchall():
                    cursor.execute(f"ALTER TABLE {relation} DROP CONSTRAINT {constraint}")
            connection.commit()
    except psycopg2.Error as error:
        cause = " ".join(str(error).split())
        raise BackupError(f"the archive has no such part: {cause}") from error


def _schema(
    live: Side, twin: Side, database: str, names: dict[str, Any], work: Path
) -> dict[str, Any]:
    only = [f"--schema={checksums.quoted(names['fresh'])}"]
    target = f"--dbname={access.conninfo(database)}"
    _copy(live, twin, database, work, only, [target, "--single-transaction"])
    return _prove_and_place(live, twin, "schema", database, names, database)


def _copy(
    live: Side, twin: Side, database: str, work: Path, only: list[str], target: list[str]
) -> None:
    dumped = str(work / "dump")
    with access.pgpass(twin[0]) as environment:
        dump = ["pg_dump", *access.where(twin[0]), "--format=directory", "--compress=0", *only]
        name = f"--dbname={access.conninfo(database)}"
        twin[1].run([*dump, f"--file={dumped}", name], environment)
    with access.pgpass(live[0]) as environment:
        restore = ["pg_restore", *access.where(live[0]), "--exit-on-error", *target, dumped]
        live[1].run(restore, environment)


def _prove_and_place(
    live: Side, twin: Side, kind: str, database: str, names: dict[str, Any], compared: str
) -> dict[str, Any]:
    expected, found = (_of_part(side[0], kind, compared, names["fresh"]) for side in (twin, live))
    if sentences := differences(expected, found):
        raise BackupError(f"{len(sentences)} objects did not come back equal: {sentences[0]}")
    token = {"kind": kind, "database": database}
    aside = None
    if names["live"]:
        pairs = [(names["fresh"], names["live"])]
        if _exists(live[0], token, names["live"]):
            aside = names["aside"]
            pairs.insert(0, (names["live"], aside))
        _rename(live[0], token, pairs)
    return {
        "restored": names["live"] or names["fresh"],
        "aside": aside,
        "objects": len(expected),
    }


def _of_part(service: dict[str, Any], kind: str, database: str, name: str) -> Checksums:
    found = postgresql.checksum(service | {"options": {"databases": [database]}})
    place = f"database {checksums.quoted(database)}"
    ours = {key: value for key, value in found.items() if key.startswith(place)}
    if kind == "database":
        return ours
    plain = name if re.fullmatch("[a-z_][a-z0-9_]*", name) else checksums.quoted(name)
    either = "|".join(re.escape(each) for each in (plain, checksums.quoted(name)))
    mark = re.compile(rf'(?<![\w"])({either})(\.|\Z)')
    return {key: value for key, value in ours.items() if mark.search(key.removeprefix(place))}


def _rename(service: dict[str, Any], token: dict[str, Any], pairs: list[tuple[str, str]]) -> None:
    """Rename in one transaction, databases once nobody is connected to them."""
    import psycopg2

    what, deadline = token["kind"].upper(), time.monotonic() + 60
    while True:
        try:
            with access.session(service, token["database"]) as connection:
                with connection.cursor() as cursor:
                    for old, new in pairs:
                        cursor.execute(
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                            " WHERE %s AND datname = %s AND pid <> pg_backend_pid()",
                            (what == "DATABASE", old),
                        )
                        names = (checksums.quoted(old), checksums.quoted(new))
                        cursor.execute("ALTER {} {} RENAME TO {}".format(what, *names))
                connection.commit()
                return
        except psycopg2.errors.ObjectInUse as error:  # a client was quicker than the rename
            if time.monotonic() > deadline:
                raise BackupError(f"clients do not leave: {error}") from error
        except psycopg2.Error as error:
            cause = " ".join(str(error).split())
            raise BackupError(f"cannot rename {pairs[0][0]}: {cause}") from error


def _drop(service: dict[str, Any], kind: str, database: str, name: str) -> None:
    with access.session(service, database) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        quoted = checksums.quoted(name)
        cursor.execute(
            f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)"
            if kind == "database"
            else f"DROP SCHEMA IF EXISTS {quoted} CASCADE"
        )
