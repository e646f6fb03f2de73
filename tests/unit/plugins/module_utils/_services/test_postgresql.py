# SPDX-License-Identifier: GPL-3.0-or-later
"""What of PostgreSQL can be told without a server."""

from __future__ import annotations

import pytest

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _postgresql_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _postgresql_checksums as checksums,
)
from ansible_collections.janus.backup.plugins.module_utils._services import postgresql


def test_names_are_quoted_the_same_way_always() -> None:
    assert checksums.quoted("public", 'a "b"') == '"public"."a ""b"""'


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("SELECT pg_catalog.setval('public.t_id_seq', 7, true);", '"public"."t_id_seq"'),
        ('SELECT pg_catalog.setval(\'"a ""b""".s\', 7, true);', '"a ""b"""."s"'),
        ("""SELECT pg_catalog.setval('public."it''s.one"', 7, true);""", '"public"."it\'s.one"'),
    ],
)
def test_where_a_dumped_sequence_stands_is_read(statement: str, name: str) -> None:
    found = checksums.of_dumped_sequences(f"-- x\n{statement}\n", "db")
    assert found == {f'database "db" sequence {name}': {"value": 7, "called": True}}


def test_a_sequence_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(BackupError, match="cannot read where a sequence stands"):
        checksums.of_dumped_sequences("SELECT pg_catalog.setval(what);", "db")


@pytest.mark.parametrize(
    ("line", "role"),
    [
        ("CREATE ROLE janus;\n", "janus"),
        ('CREATE ROLE "a ""b""";\n', 'a "b"'),
        ("ALTER ROLE janus WITH SUPERUSER;\n", None),
    ],
)
def test_created_roles_are_recognised(line: str, role: str | None) -> None:
    assert postgresql._created_role(line) == role


@pytest.mark.parametrize(
    ("line", "taken"),
    [
        ("ALTER ROLE a WITH SUPERUSER LOGIN;\n", "ALTER ROLE a PASSWORD NULL;\n"),
        ("ALTER ROLE a WITH NOLOGIN CONNECTION LIMIT 3 PASSWORD 'x';\n", ""),
        ("ALTER ROLE a WITH LOGIN PASSWORD 'md5' VALID UNTIL 'infinity';\n", ""),
        (
            'ALTER ROLE "a WITH """ WITH LOGIN VALID UNTIL \'2030-01-01 00:00:00+00\';\n',
            'ALTER ROLE "a WITH """ PASSWORD NULL;\n',
        ),
        ("ALTER ROLE a SET work_mem TO '8MB';\n", ""),
        ("CREATE ROLE a;\n", ""),
    ],
)
def test_a_role_that_had_no_password_gets_none(line: str, taken: str) -> None:
    assert postgresql._taken_password(line) == taken


def test_a_database_name_cannot_pose_as_a_connection_string() -> None:
    assert access.conninfo("a=1 'b'") == r"dbname='a=1 \'b\''"
