# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill a PostgreSQL server with the package world of this machine, as an application owner would.

Drops and recreates its own databases and roles, leaves all others alone, and gives the same rows
for the same packages. Needs psycopg2 and a superuser on PostgreSQL 15 or later.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extensions
from packages import Catalogue, catalogue
from postgresql_rows import RowStream, tables
from psycopg2 import sql

SQL = Path(__file__).resolve().parent / "sql"

DEBIAN = "debian"
# Also a valid connection string, a path with a slash, and not ASCII.
DEPOT = 'dépôt "süd" a=1/2'
EMPTY = "leer"
DATABASES = {
    DEBIAN: "OWNER debian_owner LOCALE 'C.UTF-8'",
    DEPOT: "OWNER depot_owner LC_COLLATE 'C' LC_CTYPE 'C.UTF-8' CONNECTION LIMIT 50",
    EMPTY: "OWNER debian_shipper LOCALE 'C'",
}
ROLES = (
    "debian_owner",
    "depot_owner",
    "debian_reader",
    "debian_writer",
    "debian_auditor",
    "debian_former",
    "debian_shipper",
    "debian_legacy",
    'Rôle "mit" Leer\'zeichen',
)

# Every one from Debian's contrib; each leaves something that needs it.
EXTENSIONS = {
    "pg_trgm": """
        CREATE INDEX package_description_trgm ON debian.package
          USING gin (description extensions.gin_trgm_ops)""",
    "citext": """
        CREATE TABLE debian.nickname (name extensions.citext PRIMARY KEY);
        INSERT INTO debian.nickname VALUES ('Buzz'), ('rex'), ('BO'), ('hamm')""",
    "hstore": r"""
        CREATE TABLE debian.label (id integer PRIMARY KEY, labels extensions.hstore);
        INSERT INTO debian.label VALUES (1, '"a"=>NULL, "b c"=>"\"d"'), (2, ''), (3, NULL)""",
}

# The settings of the server must not decide what the literals in the SQL files mean.
PINNED = {
    "client_encoding": "UTF8",
    "datestyle": "ISO, YMD",
    "default_transaction_read_only": "off",
    "intervalstyle": "postgres",
    "lc_monetary": "C",
    "standard_conforming_strings": "on",
    "statement_timeout": "0",
    "timezone": "UTC",
    "xmloption": "content",
}


def fill_large_objects(cursor: Any, world: Catalogue) -> None:
    """Create the large objects under fixed numbers; the tables refer to them as any column."""
    described = "\n".join(entry.description for entry in itertools.islice(world, 20000))
    noise = random.Random("large object").randbytes(3_000_001)
    cursor.execute("SET ROLE debian_owner")
    for oid, name, parts in (
        (700001, "descriptions", [(0, described.encode())]),
        (700002, "sparse", [(0, b"begin"), (9_000_000, b"end")]),
        (700003, "empty", []),
        (700004, "noise", [(0, noise)]),
        (700005, "hole at the end", [(0, b"begin")]),
    ):
        cursor.execute("SELECT lo_create(%s)", (oid,))
        for offset, data in parts:
            cursor.execute("SELECT lo_put(%s, %s, %s)", (oid, offset, psycopg2.Binary(data)))
        cursor.execute("INSERT INTO debian.attachment VALUES (%s, %s)", (name, oid))
    cursor.execute("SELECT lo_truncate64(lo_open(700005, x'20000'::int), 4000000)")
    cursor.execute("RESET ROLE")
    owner = sql.Identifier(ROLES[-1])
    cursor.execute(sql.SQL("ALTER LARGE OBJECT 700004 OWNER TO {}").format(owner))


def add_extensions(cursor: Any) -> list[str]:
    """Install what the server has of the extensions, in a schema of their own; return the rest."""
    cursor.execute("CREATE SCHEMA extensions; GRANT USAGE ON SCHEMA extensions TO PUBLIC")
    missing = []
    for name, statements in EXTENSIONS.items():
        cursor.execute("SELECT FROM pg_available_extensions WHERE name = %s", (name,))
        if cursor.rowcount:
            cursor.execute(f"CREATE EXTENSION {name} SCHEMA extensions")
            cursor.execute(f"SET ROLE debian_owner; {statements}; RESET ROLE")
        else:
            missing.append(name)
    return missing


def run(cursor: Any, name: str) -> None:
    """Execute one of the SQL files."""
    cursor.execute((SQL / f"{name}.sql").read_text(encoding="utf-8"))


def connect(dsn: str, database: str | None = None) -> Any:
    """Connect to that database of the server, with settings that do not depend on it."""
    given = psycopg2.extensions.parse_dsn(dsn)
    if database is not None:
        given["dbname"] = database
    options = " ".join(f"-c {name}={value.replace(' ', '')}" for name, value in PINNED.items())
    return psycopg2.connect(**{**given, "options": options})


def recreate(connection: Any) -> None:
    """Drop the seeder's own databases and roles and create them anew.

    Raise RuntimeError if the server is too old or the user no superuser.
    """
    if connection.server_version < 150000:
        raise RuntimeError(f"PostgreSQL 15 is needed, this is {connection.server_version}")
    if connection.get_parameter_status("is_superuser") != "on":
        raise RuntimeError("the user of the DSN is no superuser")
    with connection.cursor() as cursor:
        for database in DATABASES:
            name = sql.Identifier(database)
            cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", (list(ROLES),))
        present = sql.SQL(", ").join(sql.Identifier(role) for (role,) in cursor.fetchall())
        if present.seq:
            # Also takes their privileges on parameters, which would keep a role from going.
            cursor.execute(sql.SQL("DROP OWNED BY {}").format(present))
            cursor.execute(sql.SQL("DROP ROLE {}").format(present))
        run(cursor, "roles")
        for database, properties in DATABASES.items():
            statement = f"CREATE DATABASE {{}} TEMPLATE template0 ENCODING 'UTF8' {properties}"
            cursor.execute(sql.SQL(statement).format(sql.Identifier(database)))


def fill_debian(connection: Any, world: Catalogue, scale: float, rearranged: bool) -> list[str]:
    """Fill the package database; return the extensions that the server lacks."""
    with connection, connection.cursor() as cursor:
        run(cursor, "debian_tables")
        run(cursor, "debian_names")
    # A value added to an enumeration can only be used once that is committed.
    with connection, connection.cursor() as cursor:
        run(cursor, "debian_values")
        for table, columns, rows in tables(world, scale):
            cursor.copy_expert(f"COPY debian.{table} ({columns}) FROM STDIN", RowStream(rows))
        fill_large_objects(cursor, world)
        if rearranged:
            run(cursor, "debian_rearranged")
        run(cursor, "debian_finish")
        return add_extensions(cursor)


def summary(connection: Any) -> dict[str, int]:
    """Analyse the database and return its tables, rows and bytes."""
    connection.rollback()
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')"
        )
        names = [name for (name,) in cursor.fetchall()]
        rows = 0
        for name in names:
            cursor.execute(f"SELECT count(*) FROM ONLY {name}")
            rows += cursor.fetchone()[0]
        cursor.execute("SELECT pg_database_size(current_database())")
        return {"tables": len(names), "rows": rows, "bytes": cursor.fetchone()[0]}


def seed(dsn: str, limit: int, scale: float, rearranged: bool) -> dict[str, Any]:
    """Seed the server and return what it then holds."""
    began = time.monotonic()
    result: dict[str, Any] = {"databases": {}}
    server = connect(dsn)
    server.autocommit = True
    recreate(server)
    with catalogue(limit) as world:
        if not len(world):
            raise RuntimeError("this machine knows no packages")
        result["packages"] = len(world)
        connection = connect(dsn, DEBIAN)
        result["skipped"] = fill_debian(connection, world, scale, rearranged)
        result["databases"][DEBIAN] = summary(connection)
        connection.close()
    connection = connect(dsn, DEPOT)
    with connection, connection.cursor() as cursor:
        run(cursor, "depot")
    result["databases"][DEPOT] = summary(connection)
    connection.close()
    with server.cursor() as cursor:
        run(cursor, "databases")
    server.close()
    result["seconds"] = round(time.monotonic() - began, 1)
    return result


def main() -> int:
    """Parse the command line, seed, and print the result as one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--dsn",
        default="",
        help="connection string of a superuser, for any database but the seeder's own;"
        " what it leaves out comes from the PG* variables (PGPASSWORD keeps it out of argv)",
    )
    parser.add_argument(
        "--packages", type=int, default=20_000, help="packages at most (%(default)s)"
    )
    parser.add_argument(
        "--scale",
        type=float,
        default=1.0,
        help="factor for the two largest tables; 1 gives about 150 MB, 26 about 2 GB",
    )
    parser.add_argument(
        "--rearranged",
        action="store_true",
        help="add the tables whose columns or partitions a correct restore rearranges",
    )
    arguments = parser.parse_args()
    if arguments.packages < 100 or arguments.scale <= 0:
        parser.error("at least 100 packages, and a scale above 0")
    try:
        result = seed(arguments.dsn, arguments.packages, arguments.scale, arguments.rearranged)
    except RuntimeError as failure:
        parser.exit(1, f"postgresql.py: {failure}\n")
    for name in result["skipped"]:
        print(f"skipped: the server has no extension {name}", file=sys.stderr)
    print(json.dumps(result, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
