# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How this host and the tools beside PostgreSQL get in: address, session, password file."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _container
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import read_secret
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _postgresql_checksums as checksums,
)


def place(service: dict[str, Any]) -> str:
    where = service.get("container") or f"{service['host']}:{service.get('port') or 5432}"
    return f"PostgreSQL in {where}"


def connect(
    service: dict[str, Any], database: str = "template1", pins: dict[str, str] | None = None
) -> Any:
    import psycopg2

    host = service.get("host") or "127.0.0.1"
    if service["runtime"] == "docker":
        host = _container.address(_container.inspect(service["container"]))
    password = read_secret(service["password_file"]) if service.get("password_file") else None
    try:
        return psycopg2.connect(
            host=host,
            port=service.get("port") or 5432,
            user=service["user"],
            password=service.get("password") or password,
            dbname=database,
            connect_timeout=10,
            application_name="janus.backup",
            options=" ".join(
                f"-c {key}={value.replace(' ', chr(92) + ' ')}"
                for key, value in (checksums.PINS if pins is None else pins).items()
            ),
        )
    except psycopg2.OperationalError as error:
        cause = " ".join(str(error).split())
        raise BackupError(f"cannot connect to {place(service)}: {cause}") from error


@contextlib.contextmanager
def session(
    service: dict[str, Any], database: str = "template1", pins: dict[str, str] | None = None
) -> Iterator[Any]:
    connection = connect(service, database, pins)
    try:
        yield connection
    finally:
        connection.close()


def where(service: dict[str, Any]) -> list[str]:
    host = service.get("host") or "127.0.0.1"
    if service["runtime"] == "docker":
        host = "127.0.0.1"  # the helper shares the container's network
    port = service.get("port") or 5432
    return [f"--host={host}", f"--port={port}", f"--username={service['user']}", "--no-password"]


def conninfo(database: str) -> str:
    """Given a database's name, return the argument of --dbname that means it and nothing else."""
    # A plain --dbname that holds "=" or a URI prefix would be read as a connection string.
    value = database.replace("\\", "\\\\").replace("'", "\\'")
    return f"dbname='{value}'"


@contextlib.contextmanager
def pgpass(service: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Yield the environment that leads the tools to a password file, gone again afterwards."""
    password = service.get("password")
    if not password and service.get("password_file"):
        password = read_secret(service["password_file"])
    path = Path(service["scratch"]) / "pgpass"
    escaped = (password or "").replace("\\", "\\\\").replace(":", "\\:")
    path.touch(mode=0o600)
    path.write_text(f"*:*:*:*:{escaped}\n", encoding="utf-8")
    try:
        yield {"PGPASSFILE": str(path)}
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def bootstrap_access(service: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Given a service whose server may have been made a moment ago, yield it with credentials
    that work before its own roles are back.

    A new container knows only the superuser of its environment (POSTGRES_USER, POSTGRES_PASSWORD
    of the official image). Raise BackupError if none works within
    service["wait"] seconds.
    """
    deadline = time.monotonic() + service.get("wait", 60)
    candidates = [service]
    if service["runtime"] == "docker":
        variables = _container.environment(_container.inspect(service["container"]))
        user = variables.get("POSTGRES_USER", "postgres")
        candidates.append(service | {"user": user, "password": variables.get("POSTGRES_PASSWORD")})
    while True:
        for candidate in candidates:
            try:
                connect(candidate).close()
            except BackupError as error:
                refused = error
            else:
                yield candidate
                return
        if time.monotonic() > deadline:
            raise refused
        time.sleep(0.2)
