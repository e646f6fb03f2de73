# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL: dump, restore and compare with real servers. The whole way is in molecule/."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils import _manifest
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _postgresql_parts,
    postgresql,
)

PASSWORD = "p:w\\d é"  # what a password file has to escape
COLUMNS = ("id", "label", "price", "note", "folded", "short", "page", "big", "moment")
SEED = r"""
CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE item (id serial PRIMARY KEY, label text, price numeric, note json,
  folded text COLLATE folded DEFAULT 'ABC', short char(4) DEFAULT 'x', page xml
  DEFAULT '<?xml version="1.0" encoding="LATIN1"?><a/>',
  big bigint DEFAULT 5, moment timestamp DEFAULT '2000-01-01 00:00:00.000005');
INSERT INTO item (label, price, note)
  SELECT 'item ' || n, n * 1.10, json_build_object('n', n) FROM generate_series(1, 500) n;
CREATE VIEW cheap AS SELECT * FROM item WHERE price < 10;
SELECT lo_from_bytea(4711, 'large');
CREATE SCHEMA "a ""b"" c";
CREATE TABLE "a ""b"" c"."ü" ();
CREATE ROLE app LOGIN PASSWORD 'secret';
GRANT SELECT ON item TO app WITH GRANT OPTION;
COMMENT ON TABLE item IS 'first';
CREATE DATABASE "=x 'y'" OWNER app;
ALTER ROLE app IN DATABASE "=x 'y'" SET work_mem = '8MB';
"""


def query(container: Any, sql: str) -> str:
    """Run SQL as the superuser; return what comes of it."""
    psql = ("psql", "--username=janus", "--dbname=janus", "--no-psqlrc", "-Atc")
    return str(container.run(*psql, sql)).strip()


@pytest.fixture(scope="module")
def start(start_container: Any) -> Any:
    def run(password: str = PASSWORD) -> Any:
        environment = {
            "POSTGRES_USER": "janus",
            "POSTGRES_PASSWORD": password,
            "POSTGRES_DB": "janus",
        }
        container = start_container("postgresql", environment=environment)
        container.wait_healthy(120)
        return container

    return run


@pytest.fixture(scope="module")
def seeded(start: Any) -> Any:
    container = start()
    for statement in SEED.split(";\n"):
        if statement.strip():
            query(container, statement)
    return container


@pytest.fixture
def access(workbench: Any) -> Any:
    def arguments(container: Any, password: str = PASSWORD) -> dict[str, str]:
        secret = workbench.secret(password)
        return {"container": container.name, "user": "janus", "password_file": secret}

    return arguments


def test_a_server_comes_back_equal_and_a_second_restore_changes_nothing(
    seeded: Any, start: Any, workbench: Any, access: Any
) -> None:
    result = workbench.dump(**access(seeded))
    assert result["consistency"]["kind"] == "snapshot"
    fresh = start("another")  # it gets the archive's password with its roles
    first = workbench.restore(**access(fresh))
    assert first["changed"], first
    assert 0 < first["tool_seconds"] <= first["seconds"]
    assert workbench.differences(**access(fresh)) == []
    assert not workbench.restore(**access(fresh))["changed"]
    assert query(fresh, "SELECT count(*) FROM pg_roles WHERE rolname = 'app'") == "1"
    assert query(fresh, "SELECT count(*) FROM pg_db_role_setting") == "1"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("SELECT count(*) FROM item", 500),
        ("SELECT sum(price) FROM item WHERE id < 3", "3.30"),
        ("SELECT label FROM item WHERE id < 3 ORDER BY id", ["item 1", "item 2"]),
        ("SELECT id, note FROM item WHERE id = 7", [[7, {"n": 7}]]),
        ("SELECT count(*) FROM nothing", 'relation "nothing" does not exist'),
        ("DELETE FROM item", "read-only transaction"),
    ],
)
def test_a_query_reads_and_nothing_else(
    seeded: Any, workbench: Any, access: Any, text: str, answer: Any
) -> None:
    found = workbench.ask(text, "janus", **access(seeded))
    assert found == answer or (isinstance(answer, str) and answer in str(found)), found


def test_checks_tell_what_they_found_and_no_password(
    seeded: Any, workbench: Any, access: Any
) -> None:
    count = {"name": "items", "target": "janus", "query": "SELECT count(*) FROM item"}
    leaking = f"SELECT '{PASSWORD.replace(chr(92), chr(92) * 2)}'::int"
    workbench.dump(
        checks=[
            {**count, "expect": 500},
            {**count, "name": "more", "expect": 501},
            {"name": "text", "query": "SELECT 5", "expect": "5"},
            {"name": "leak", "query": leaking, "expect": 1},
        ],
        **access(seeded),
    )
    staging = str(workbench.staging)
    told = workbench.module("postgresql_info", compare_with=staging, checks=True, **access(seeded))[
        "checks"
    ]
    errors = {check["name"]: check["error"] for check in told}
    assert list(errors) == ["smoke", "items", "more", "text", "leak"]
    assert errors["smoke"] is errors["items"] is None
    assert errors["more"] == "expected 501, found 500"
    assert errors["text"] == 'expected "5", found 5'
    assert "invalid input syntax" in errors["leak"]
    assert PASSWORD not in errors["leak"]
    assert told[1]["target"] == "janus"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE item SET price = price + 0.00 WHERE id = 7", None),
        ("UPDATE item SET price = price + 0.001 WHERE id = 7", 'table "public"."item": digest'),
        ("UPDATE item SET price = price + 0.0000 WHERE id = 7", 'table "public"."item": digest'),
        ("UPDATE item SET note = '{\"n\":  7}' WHERE id = 7", 'table "public"."item": digest'),
        (
            "UPDATE item SET label = 'item ' || 17 - id WHERE id IN (8, 9)",
            'table "public"."item": digest',
        ),
        ("UPDATE item SET folded = 'abc' WHERE id = 7", 'table "public"."item": digest'),
        # of which PostgreSQL's own hashes are equal
        ("UPDATE item SET big = 4294967300 WHERE id = 7", 'table "public"."item": digest'),
        (
            "UPDATE item SET moment = '2000-01-01 01:11:34.9673' WHERE id = 7",
            'table "public"."item": digest',
        ),
        ("DROP VIEW cheap", "view public.cheap: missing"),
        ("SELECT lo_put(4711, 2, 'X')", "large objects: digest"),
        ("SELECT nextval('item_id_seq')", 'sequence "public"."item_id_seq": value'),
        ("REVOKE SELECT ON item FROM app", "columns of table public.item: digest"),
        ("ALTER ROLE app PASSWORD 'other'", "role app: digest"),
        ("COMMENT ON TABLE item IS 'second'", "comment on table public.item: digest"),
        ("CREATE INDEX more ON item (label)", "index public.more: not in the backup"),
    ],
)
def test_what_was_changed_is_named(
    seeded: Any, workbench: Any, access: Any, change: str, named: str | None
) -> None:
    workbench.dump(**access(seeded))
    query(seeded, change)
    sentences = workbench.differences(**access(seeded))
    if named is None:
        assert sentences == []
    else:
        assert any(named in sentence for sentence in sentences), sentences


def test_an_archive_of_an_earlier_version_is_compared_in_the_way_of_its_digests(
    seeded: Any, workbench: Any, access: Any
) -> None:
    workbench.dump(**access(seeded))
    manifest = _manifest.read(workbench.staging)
    recorded = manifest["services"]["postgresql"]["checksums"]
    tables = {name for name, value in recorded.items() if "rows" in value}
    assert {recorded[name]["digest"][:2] for name in tables} == {"2:"}
    columns = ", ".join(f"item.{name}" for name in sorted(COLUMNS))
    text = f"SELECT sum(hashtextextended(ROW({columns})::text, 0)) FROM item"
    for name in tables:  # the other one has no rows
        recorded[name]["digest"] = query(seeded, text) if name.endswith('"item"') else "0"
    _manifest.seal(workbench.staging / _manifest.NAME, manifest)
    assert workbench.differences(**access(seeded)) == []
    assert not workbench.restore(**access(seeded))["changed"]
    query(seeded, "UPDATE item SET label = 'item 0' WHERE id = 7")
    (sentence,) = workbench.differences(**access(seeded))
    assert 'table "public"."item": digest' in sentence


def test_check_mode_tells_and_touches_nothing(
    seeded: Any, start: Any, workbench: Any, access: Any
) -> None:
    workbench.dump(**access(seeded))
    fresh = start()
    told = workbench.restore(**access(fresh), _ansible_check_mode=True, _ansible_diff=True)
    assert told["changed"]
    assert "restore postgresql" in told["diff"]["after"]
    assert query(fresh, "SELECT count(*) FROM pg_roles WHERE rolname = 'app'") == "0"
    told = workbench.module(
        "postgresql_info",
        **access(fresh),
        compare_with=str(workbench.staging),
        _ansible_check_mode=True,
        _ansible_diff=True,
    )
    assert not told["changed"]
    assert "role app: missing" in told["differences"]
    assert "role app" in told["diff"]["before"]
    assert "role app" not in told["diff"]["after"]
    workbench.cleanup("--prepare")
    staging = {"staging": str(workbench.staging)}
    told = workbench.module(
        "postgresql_dump", **access(seeded), **staging, _ansible_check_mode=True
    )
    assert told["changed"]
    assert "dump postgresql" in told["diff"]["after"]
    assert list(workbench.staging.iterdir()) == []


def test_a_server_that_holds_data_is_not_overwritten_unless_told(
    seeded: Any, start: Any, workbench: Any, access: Any
) -> None:
    workbench.dump(**access(seeded))
    other = start()
    query(other, "CREATE TABLE precious (id int)")
    refused = workbench.restore(**access(other))
    assert refused["failed"]
    assert "is not empty (database janus): refusing to overwrite it" in refused["msg"]
    assert query(other, "SELECT count(*) FROM precious") == "0"
    assert workbench.restore(**access(other), replace=True)["changed"]
    assert workbench.differences(**access(other)) == []


def test_a_damaged_artefact_is_refused_before_the_server_is_touched(
    seeded: Any, start: Any, workbench: Any, access: Any
) -> None:
    workbench.dump(**access(seeded))
    largest = max(workbench.staging.rglob("*.dat"), key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-1] + b"x")
    fresh = start()
    refused = workbench.restore(**access(fresh))
    assert "does not match its sha256" in refused["msg"]
    assert query(fresh, "SELECT count(*) FROM pg_roles WHERE rolname = 'app'") == "0"


def test_a_server_that_is_too_old_is_refused(
    seeded: Any, access: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "_OLDEST", 990000)
    service = {"runtime": "docker", "options": {}, **access(seeded)}
    with pytest.raises(BackupError, match=r"is PostgreSQL 1\d.*: its rows .* before 99$"):
        postgresql.check(service)


def test_an_ordinary_user_is_refused_in_one_sentence(
    seeded: Any, workbench: Any, access: Any
) -> None:
    query(seeded, "ALTER ROLE app PASSWORD 'secret'")
    refused = workbench.dump(**{**access(seeded, "secret"), "user": "app"})
    assert refused["failed"]
    assert "is not a superuser" in refused["msg"]
    assert workbench.helpers() == []


def part(
    workbench: Any, access: Any, live: Any, twin: Any, kind: str, path: str, **more: Any
) -> Any:
    """Restore a part from a twin, as a restore of its own that somebody else ends."""
    noted = {"run": workbench.job, "state_directory": str(workbench.folder / "state")}
    plan = {"service": {"name": "postgresql", "container": live.name}}
    workbench.module("restore_journal", phase="asked", plan=plan, **noted)
    given = access(live)
    both = {"twin": twin.name, "twin_password_file": given["password_file"]}
    result = workbench.module("postgresql_part", kind=kind, path=path, **given, **both, **more)
    text = (workbench.folder / "state/restore" / f"{workbench.job}.json").read_text()
    return result, json.loads(text)["janus_backup_restore"].get("undo", {}).get("token")


@pytest.fixture
def restored(seeded: Any, start: Any, workbench: Any, access: Any) -> Any:
    workbench.dump(**access(seeded))
    fresh = start("another")
    assert workbench.restore(**access(fresh))["changed"]
    return fresh


def test_parts_come_back_beside_and_in_the_place_of_the_present_ones(
    seeded: Any, restored: Any, start: Any, workbench: Any, access: Any
) -> None:
    live = start()
    workbench.restore(**access(live))
    query(live, "DELETE FROM item WHERE id > 400")
    query(live, "CREATE TABLE later ()")
    beside, _token = part(
        workbench, access, live, restored, "table", "janus/public.item", as_name="old items"
    )
    assert beside["restored"] == "old items", beside
    assert query(live, 'SELECT count(*) FROM "old items".item') == "500"
    again, _token = part(
        workbench, access, live, restored, "table", "janus/public.item", as_name="old items"
    )
    assert "there is a schema old items in janus already" in again["msg"]
    refused, _token = part(workbench, access, live, restored, "table", "janus/public.item")
    assert "cannot take the place" in refused["msg"]
    assert query(live, "SELECT count(*) FROM item") == "400"


def test_a_database_takes_the_place_of_the_present_one_and_goes_again(
    seeded: Any, restored: Any, start: Any, workbench: Any, access: Any
) -> None:
    live = start()
    workbench.restore(**access(live))
    query(live, "DELETE FROM item WHERE id > 400")
    result, token = part(workbench, access, live, restored, "database", "janus")
    assert result["restored"] == "janus", result
    assert query(live, "SELECT count(*) FROM item") == "500"
    for _again in range(2):
        _postgresql_parts.undo(token)
        assert query(live, "SELECT count(*) FROM item") == "400"
    every = query(live, "SELECT count(*) FROM pg_database WHERE datname LIKE 'janus%'")
    assert every == "1"


def test_a_schema_on_which_something_depends_stays(
    seeded: Any, restored: Any, start: Any, workbench: Any, access: Any
) -> None:
    live = start()
    workbench.restore(**access(live))
    query(live, 'CREATE VIEW outside AS SELECT FROM "a ""b"" c"."ü"')
    path = 'janus/a "b" c'
    refused, _token = part(workbench, access, live, restored, "schema", path)
    assert "there depend on it: " in refused["msg"], refused
    query(live, "DROP VIEW outside")
    result, token = part(workbench, access, live, restored, "schema", path)
    assert result["restored"] == 'a "b" c', result
    _postgresql_parts.discard(token)
    schemas = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'a \"b\" c%'"
    assert query(live, schemas) == "1"
