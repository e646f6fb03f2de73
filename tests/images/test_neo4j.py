# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest

PASSWORD = "first password"
SECOND_PASSWORD = "second password"
CHANGE_PASSWORD = f"ALTER CURRENT USER SET PASSWORD FROM '{PASSWORD}' TO '{SECOND_PASSWORD}'"
# Small enough for a test machine that runs other things besides.
MEMORY = {
    "NEO4J_server_memory_heap_max__size": "384m",
    "NEO4J_server_memory_pagecache_size": "64m",
}
NODES = 500
FILL = f"""
UNWIND range(1, {NODES}) AS number
CREATE (person:Person {{number: number, name: 'Ä' + toString(number)}})
WITH person MATCH (other:Person {{number: person.number - 1}})
CREATE (other)-[:KNOWS {{since: date('2020-02-29')}}]->(person)
"""
FROM_DATABASES = "--from-path=/data/databases"
# Sums over internal ids, too: a dump has to keep them.
CONTENT = """
MATCH (n) OPTIONAL MATCH (n)-[r]->(m)
RETURN count(DISTINCT n) + '/' + count(r) + '/' + sum(n.number * id(n)) + '/' + sum(id(r) * id(m))
"""


@pytest.fixture(scope="module")
def start(start_container):
    def start(*arguments, environment=None, **options):
        environment = {**MEMORY, "NEO4J_AUTH": f"neo4j/{PASSWORD}", **(environment or {})}
        return start_container("neo4j", *arguments, environment=environment, **options)

    return start


@pytest.fixture(scope="module")
def plain(start):
    return start(
        environment={
            "NEO4J_db_transaction_timeout": "77s",
            "NEO4J_server_config_strict__validation_enabled": "true",
        }
    ).wait_healthy(180)


def query(container, statement, password=PASSWORD, database="neo4j"):
    """Return what a query of one column and one row yields, '' for a statement without rows."""
    shell = ("cypher-shell", "--format", "plain", "-u", "neo4j", "-p", password, "-d", database)
    return (container.run(*shell, statement).splitlines() or [""])[-1].strip('"')


def state(start, volumes):
    """Return of each database whether it is in use, and whether it has to recover."""
    printed = admin(start, volumes, "database", "info", FROM_DATABASES, "--format=json")
    return {
        each["databaseName"]: (each["inUse"], each["recoveryRequired"])
        for each in json.loads(printed)
    }


def admin(start, volumes, *argv, status=0, **options):
    """Run neo4j-admin beside the data, as a backup does. Return what it printed."""
    container = start("neo4j-admin", *argv, volumes=volumes, **options)
    assert container.wait_exit(120) == status, container.logs()
    return container.logs()


def test_it_is_community_5_26_run_by_uid_7474(plain):
    components = "CALL dbms.components() YIELD name, versions, edition"
    found = query(plain, f"{components} RETURN name + ' ' + versions[0] + ' ' + edition")
    assert found == "Neo4j Kernel 5.26.30 community"
    owners = plain.run("stat", "--format", "%u:%g", "/data/databases/neo4j", "/logs/debug.log")
    assert set(owners.split()) == {"7474:7474"}
    # The database is the only process beside tini: signals and exit status are its own.
    processes = plain.run("sh", "-c", "cat /proc/[0-9]*/comm").split()
    assert [name for name in processes if name not in ("sh", "cat")] == ["tini", "java"]


def test_the_environment_makes_settings(plain):
    show = "SHOW SETTINGS '%s' YIELD value RETURN value"
    assert query(plain, show % "server.memory.heap.max_size") == "384.00MiB"
    assert query(plain, show % "db.transaction.timeout") == "1m17s"
    assert query(plain, show % "server.config.strict_validation.enabled") == "true"


def test_a_wrong_password_is_refused(plain):
    shell = ("cypher-shell", "-u", "neo4j", "-p", "a wrong one", "RETURN 1")
    assert "unauthorized" in plain.fails(*shell)


def test_it_answers_http(plain):
    answer = json.loads(plain.run("wget", "-q", "-O", "-", "http://localhost:7474/"))
    assert answer["neo4j_version"] == "5.26.30"
    assert answer["neo4j_edition"] == "community"


def test_other_containers_may_use_it(plain, start):
    address = ("-a", f"neo4j://{plain.address}:7687", "-u", "neo4j", "-p", PASSWORD)
    client = start("cypher-shell", *address, "RETURN 40 + 2")
    assert client.wait_exit(60) == 0, client.logs()
    assert "42" in client.logs()


def test_a_running_database_is_not_dumped(plain):
    assert "in use" in plain.fails("neo4j-admin", "database", "dump", "neo4j", "--to-path=/tmp")


@pytest.mark.parametrize("auth", ["janus/some password", "neo4j/neo4j", "something"])
def test_an_impossible_login_is_refused(start, auth):
    container = start(environment={"NEO4J_AUTH": auth})
    assert container.wait_exit() == 1
    assert "Invalid value" in container.logs()


def test_without_authentication_a_configuration_file_and_another_user_are_possible(start, tmp_path):
    (tmp_path / "neo4j.conf").write_text("db.transaction.timeout=33s\n")
    tmp_path.chmod(0o755)
    container = start(
        environment={"NEO4J_AUTH": "none"},
        volumes={str(tmp_path): "/conf:ro"},
        options=("--user", "4321:4321"),
    ).wait_healthy(180)
    shell = ("cypher-shell", "--format", "plain")
    show = "SHOW SETTINGS 'db.transaction.timeout' YIELD value RETURN value"
    assert '"33s"' in container.run(*shell, show)
    assert container.run("stat", "--format", "%u", "/data/databases/neo4j") == "4321"


def test_dumps_of_both_databases_make_the_same_server_elsewhere(start, volume, tmp_path):
    tmp_path.chmod(0o777)
    volumes = {volume: "/data", str(tmp_path): "/dumps"}
    first = start(volumes=volumes).wait_healthy(180)
    query(first, f"{FILL} RETURN count(*)")
    query(first, CHANGE_PASSWORD, database="system")
    content = query(first, CONTENT, SECOND_PASSWORD)
    assert content.startswith(f"{NODES}/{NODES - 1}/")

    first.run("sh", "-c", "kill -TERM 1")
    assert first.wait_exit(60) == 0
    assert first.logs().rstrip().endswith("Stopped.")
    assert state(start, volumes) == {"neo4j": ("false", "false"), "system": ("false", "false")}

    for name in ("neo4j", "system"):
        printed = admin(start, volumes, "database", "dump", name, "--to-path=/dumps")
        assert "Dump completed successfully" in printed
    exists = admin(start, volumes, "database", "dump", "neo4j", "--to-path=/dumps", status=1)
    assert "Archive already exists" in exists
    check = ("database", "check", "neo4j", "--from-path=/dumps", "--temp-path=/tmp")
    assert "Consistency check\n" in admin(start, volumes, *check)

    # Elsewhere is another volume: the container's own, which neither has nor gets a password.
    load = "for name in system neo4j; do neo4j-admin database load $name --from-path=/dumps; done"
    second = start(
        *("bash", "-ec", f"{load}; exec /startup/docker-entrypoint.sh neo4j"),
        environment={"NEO4J_AUTH": ""},
        volumes={str(tmp_path): "/dumps:ro"},
    ).wait_healthy(180)
    assert query(second, CONTENT, SECOND_PASSWORD) == content


def test_a_killed_database_is_not_dumped_before_it_has_recovered(start, volume):
    volumes = {volume: "/data"}
    first = start(volumes=volumes).wait_healthy(180)
    query(first, "CREATE (n) RETURN count(n)")
    assert state(start, volumes)["neo4j"] == ("true", "true")
    first.run("sh", "-c", "kill -KILL $(pidof java)")
    assert first.wait_exit() == 137
    assert state(start, volumes)["neo4j"] == ("false", "true")
    refusal = admin(start, volumes, "database", "dump", "neo4j", "--to-path=/tmp", status=1)
    assert "Active logical log" in refusal

    again = start(volumes=volumes).wait_healthy(180)
    assert query(again, "MATCH (n) RETURN count(n)") == "1"
