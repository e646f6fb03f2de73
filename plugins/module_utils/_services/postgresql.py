# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL: dump and data checksums from one exported snapshot, so writers are never blocked.

Consistency is `snapshot`: per database one REPEATABLE READ transaction exports its snapshot,
pg_dump reads from it, and the checksums are computed inside it at the same time. Sequences know no
snapshot: their checksums are read from the dump itself. Roles, tablespaces and settings are shared
by all databases and dumped between two equal readings of them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from ansible_collections.janus.backup.plugins.module_utils import _checks
from ansible_collections.janus.backup.plugins.module_utils._checksum import Checksums
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._helper import Helper
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _postgresql_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _postgresql_checksums as checksums,
)

LIBRARIES = ("psycopg2",)
DUMP_HELPER: dict[str, Any] = {}
RESTORE_HELPER: dict[str, Any] = {}
SMOKE = "SELECT count(*) FROM pg_database WHERE datallowconn AND NOT datistemplate"
_GLOBALS = "globals.sql"
_OLDEST = 140000  # hash_record_extended()


def check(service: dict[str, Any]) -> dict[str, Any]:
    """Given a service, look at it and touch nothing.

    Return {version, databases: {name: bytes}, bytes}. Raise BackupError if the server does not
    answer, refuses the password, is too old, lacks a wanted database, or the user is not a
    superuser.
    """
    with access.session(service) as connection, connection.cursor() as cursor:
        version = connection.info.parameter_status("server_version")
        if connection.server_version < _OLDEST:
            raise BackupError(
                f"{access.place(service)} is PostgreSQL {version}: its rows cannot be hashed before"
                f" {_OLDEST // 10000}"
            )
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if not cursor.fetchone()[0]:
            raise BackupError(
                f"user {service['user']} of {access.place(service)} is not a superuser: "
                "roles and their passwords could not be dumped"
            )
        cursor.execute(
            "SELECT datname, pg_database_size(oid) FROM pg_database"
            " WHERE datallowconn AND NOT datistemplate ORDER BY datname"
        )
        present = dict(cursor.fetchall())
        wanted = service["options"].get("databases") or list(present)
        if missing := sorted(set(wanted) - set(present)):
            raise BackupError(f"{access.place(service)} has no database {', '.join(missing)}")
        sizes = {name: present[name] for name in sorted(wanted)}
        return {"version": version, "databases": sizes, "bytes": sum(sizes.values())}


def quiesce(
    service: dict[str, Any], facts: dict[str, Any], remember: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Given a service and what its check found, open one exported snapshot per database, back to
    back.

    Return the token {sessions: {database: (connection, snapshot id)}, skew_seconds}. Nothing is to
    be remembered for after a crash: a snapshot ends with its connection.
    """
    token: dict[str, Any] = {"sessions": {}}
    started = time.monotonic()
    try:
        for database in facts["databases"]:
            connection = access.connect(service, database)
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            token["sessions"][database] = (connection, None)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_export_snapshot()")
                token["sessions"][database] = (connection, cursor.fetchone()[0])
    except BaseException:
        resume(token)
        raise
    token["skew_seconds"] = round(time.monotonic() - started, 3)
    return token


def resume(token: dict[str, Any]) -> None:
    """Given a token, end its snapshots; again and again if need be."""
    for connection, _snapshot in token.get("sessions", {}).values():
        connection.close()


def dump(
    service: dict[str, Any], token: dict[str, Any], directory: Path, helper: Helper
) -> dict[str, Any]:
    """Given a service, its token and an empty directory, dump every database and the globals.

    Return {consistency, checksums, tools}. Raise BackupError if a tool fails.
    """
    tools = {"pg_dump": helper.run(["pg_dump", "--version"]).strip()}
    found: Checksums = {}
    with (
        ThreadPoolExecutor(max_workers=1) as beside,
        ThreadPoolExecutor(max_workers=1) as behind,
        access.pgpass(service) as environment,
    ):
        readings = {
            name: beside.submit(_read_snapshot, connection, name)
            for name, (connection, _snapshot) in token["sessions"].items()
        }
        sequences: dict[str, Future[str]] = {}
        try:
            kind, reason = _dump_globals(service, directory, helper, environment, found)
            for name, (_session, snapshot) in token["sessions"].items():
                target = directory / "databases" / quote(name, safe="")
                target.parent.mkdir(mode=0o700, exist_ok=True)
                _dump_database(service, helper, environment, name, snapshot, target)
                scratch = Path(service["scratch"])
                sequences[name] = behind.submit(_setvals, helper, target, scratch)
            for name, statements in sequences.items():
                found |= checksums.of_dumped_sequences(statements.result(), name)
            for reading in readings.values():
                found |= reading.result()
        except BackupError:
            for reading in readings.values():  # a failed reading ends the snapshot, and so pg_dump
                if reading.done():
                    reading.result()
            raise
        finally:  # a failed dump must not wait for checksums that nobody needs any more
            for executor in (beside, behind):
                executor.shutdown(wait=False, cancel_futures=True)
            for connection, _snapshot in token["sessions"].values():
                connection.cancel()
    consistency = {"kind": kind, "reason": reason, "skew_seconds": token["skew_seconds"]}
    return {"consistency": consistency, "checksums": found, "tools": tools}


def checksum(service: dict[str, Any]) -> Checksums:
    """Given a service, return the checksums of its data as of now."""
    databases = list(check(service)["databases"])
    found = _read_cluster(service, databases)
    for name in databases:
        with access.session(service, name) as connection:
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            found |= _read_snapshot(connection, name, service.get("recorded"))
            found |= checksums.of_sequences(connection, name)
    return found


def query(service: dict[str, Any], target: str | None, text: str) -> Any:
    """Given a service, a database and SQL that only reads, return what comes of it.

    Raise BackupError if the server refuses.
    """
    import psycopg2

    # with the search path of the database, as its clients have it
    pins = {key: value for key, value in checksums.PINS.items() if key != "search_path"}
    with access.session(service, target or "template1", pins) as connection:
        connection.set_session(readonly=True)
        try:
            with connection.cursor() as cursor:
                cursor.execute(text)
                return _checks.plain(cursor.fetchall())
        except psycopg2.Error as error:
            cause = " ".join(str(error).split())
            raise BackupError(f"{access.place(service)} refuses the query: {cause}") from error


def restore(
    service: dict[str, Any], directory: Path, helper: Helper, record: dict[str, Any], replace: bool
) -> None:
    """Given an archived dump and its record, bring roles, databases and data back.

    Raise BackupError if the server holds data of its own and replace is false.
    """
    with access.bootstrap_access(service) as bootstrap:
        databases = check(bootstrap | {"options": {}})["databases"]
        occupied = [name for name in databases if _holds_data(bootstrap, name)]
        if occupied and not replace:
            raise BackupError(
                f"{access.place(service)} is not empty (database {', '.join(occupied)}): "
                "refusing to overwrite it without replace"
            )
        _restore_globals(bootstrap, directory, helper)
    jobs = f"--jobs={service['options'].get('jobs', 2)}"
    with access.pgpass(service) as environment:
        for target in sorted((directory / "databases").iterdir()):
            with access.session(service, "template1") as connection, connection.cursor() as cursor:
                connection.autocommit = True
                name = checksums.quoted(unquote(target.name))
                cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            helper.run(
                [
                    "pg_restore",
                    *access.where(service),
                    "--dbname=template1",
                    "--create",
                    "--exit-on-error",
                    jobs,
                    str(target),
                ],
                environment,
            )
        helper.run(
            [
                "vacuumdb",
                *access.where(service),
                "--maintenance-db=template1",
                "--all",
                "--analyze-only",
                "--quiet",
                jobs,
            ],
            environment,
        )


def _read_snapshot(connection: Any, database: str, recorded: Checksums | None = None) -> Checksums:
    import psycopg2

    try:
        found = checksums.of_schema(connection, database)
        return found | checksums.of_tables(connection, database, recorded)
    except psycopg2.Error as error:
        cause = " ".join(str(error).split())
        raise BackupError(
            f"cannot compute the checksums of database {database}: {cause}"
        ) from error


def _read_cluster(service: dict[str, Any], databases: list[str]) -> Checksums:
    with access.session(service) as connection:
        return checksums.of_cluster(connection, databases)


def _dump_globals(
    service: dict[str, Any],
    directory: Path,
    helper: Helper,
    environment: dict[str, str],
    found: Checksums,
) -> tuple[str, str | None]:
    databases = list(check(service)["databases"])
    command = [
        "pg_dumpall",
        *access.where(service),
        "--database=template1",
        "--globals-only",
        "--no-sync",
        f"--file={directory / _GLOBALS}",
    ]
    before = _read_cluster(service, databases)
    for _attempt in range(3):
        helper.run(command, environment)
        after = _read_cluster(service, databases)
        if before == after:
            found |= after
            return "snapshot", None
        before = after
    found |= before
    return "fuzzy", "roles, tablespaces or settings changed during each of three dumps of them"


def _dump_database(
    service: dict[str, Any],
    helper: Helper,
    environment: dict[str, str],
    name: str,
    snapshot: str,
    target: Path,
) -> None:
    options = service["options"]
    helper.run(
        [
            "pg_dump",
            *access.where(service),
            "--format=directory",
            "--compress=0",
            "--no-sync",
            f"--jobs={options.get('jobs', 2)}",
            f"--snapshot={snapshot}",
            f"--lock-wait-timeout={options.get('lock_timeout', 60)}s",
            f"--file={target}",
            f"--dbname={access.conninfo(name)}",
        ],
        environment,
    )


def _setvals(helper: Helper, target: Path, scratch: Path) -> str:
    """Given a dump, return its setval() statements; reading its contents also proves it whole."""
    listing, wanted, statements = (scratch / name for name in ("toc", "sequences", "setval"))
    try:
        helper.run(["pg_restore", "--list", str(target)], output=listing)
        entries = listing.read_text(encoding="utf-8").splitlines(keepends=True)
        chosen = [entry for entry in entries if re.match(r"\d+; \d+ \d+ SEQUENCE SET ", entry)]
        if not chosen:
            return ""
        wanted.write_text("".join(chosen), encoding="utf-8")
        helper.run(
            ["pg_restore", f"--use-list={wanted}", f"--file={statements}", str(target)],
        )
        return statements.read_text(encoding="utf-8")
    finally:
        for path in (listing, wanted, statements):
            path.unlink(missing_ok=True)


def _holds_data(service: dict[str, Any], database: str) -> bool:
    with access.session(service, database) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')"
            " OR EXISTS (SELECT FROM pg_largeobject_metadata)"
        )
        return bool(cursor.fetchone()[0])


def _restore_globals(service: dict[str, Any], directory: Path, helper: Helper) -> None:
    """Apply the globals, without the CREATE ROLE of roles that are there already: the ALTER ROLE
    after it gives them all that the dump knows, and takes a password of which it knows nothing.
    """
    with access.session(service) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT rolname FROM pg_roles")
        present = {name for (name,) in cursor.fetchall()}
    statements = (directory / _GLOBALS).read_text(encoding="utf-8").splitlines(keepends=True)
    pending = Path(service["scratch"]) / _GLOBALS
    pending.touch(mode=0o600)
    pending.write_text(
        "".join(
            line + _taken_password(line)
            for line in statements
            if _created_role(line) not in present
        ),
        encoding="utf-8",
    )
    try:
        with access.pgpass(service) as environment:
            helper.run(
                [
                    "psql",
                    *access.where(service),
                    "--dbname=template1",
                    "--no-psqlrc",
                    "--quiet",
                    "--set=ON_ERROR_STOP=1",
                    f"--file={pending}",
                ],
                environment,
            )
    finally:
        pending.unlink()


def _created_role(line: str) -> str | None:
    match = re.fullmatch(r'CREATE ROLE (?:"((?:[^"]|"")*)"|([^ ;"]+));\n', line)
    return (match[1].replace('""', '"') if match[1] else match[2]) if match else None


def _taken_password(line: str) -> str:
    match = re.fullmatch(r'(ALTER ROLE (?:"(?:[^"]|"")*"|[^ ";]+)) WITH ([A-Z0-9 -]+)(.*);\n', line)
    if not match or match[2].endswith(" PASSWORD "):
        return ""
    return f"{match[1]} PASSWORD NULL;\n"
