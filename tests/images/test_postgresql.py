# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

DATA = "/var/lib/postgresql/data"


def query(container, sql, user="postgres", database="postgres"):
    return container.run("psql", "-XAt", "-U", user, "-d", database, "-c", sql)


def log_in(container, password, user="postgres", database="postgres"):
    """Come from the container's own address, which pg_hba.conf does not trust."""
    url = f"host={container.address} user={user} dbname={database} password='{password}'"
    return ("psql", "-XAt", url, "-c", "SELECT current_user")


@pytest.fixture(scope="module")
def plain(start_container):
    environment = {"POSTGRES_PASSWORD": "secret"}
    return start_container("postgresql", environment=environment).wait_healthy()


@pytest.fixture(scope="module")
def named(start_container):
    environment = {
        "POSTGRES_USER": "janus",
        "POSTGRES_PASSWORD": 'it\'s $a "secret"',
        "POSTGRES_DB": "Janus data",
        "POSTGRES_INITDB_ARGS": "--data-checksums --locale='C'",
        "PGDATA": f"{DATA}/inner",
    }
    arguments = ("-c", "max_connections=17", "-c", "application_name=two words")
    return start_container("postgresql", *arguments, environment=environment).wait_healthy()


def test_it_is_postgresql_15_run_by_uid_999(plain):
    assert query(plain, "SHOW server_version").startswith("15.")
    assert plain.run("stat", "--format", "%u %a", "/proc/1", DATA).split("\n") == [
        "999 555",
        "999 700",
    ]


def test_the_password_is_asked_from_elsewhere_but_not_from_the_container_itself(plain):
    assert plain.run(*log_in(plain, "secret")) == "postgres"
    assert "password authentication failed" in plain.fails(*log_in(plain, "wrong"))
    assert query(plain, "SELECT 1") == "1"
    assert plain.run("psql", "-XAt", "-h", "127.0.0.1", "-U", "postgres", "-c", "SELECT 1") == "1"
    assert "host all all all scram-sha-256" in plain.run("cat", f"{DATA}/pg_hba.conf")


def test_databases_are_utf8_and_the_locale_of_the_official_image_is_there_too(plain):
    assert query(plain, "SHOW server_encoding") == "UTF8"
    query(plain, "CREATE DATABASE english TEMPLATE template0 LC_COLLATE 'en_US.utf8'")
    assert query(plain, "SELECT 'a' < 'B'", database="english") == "t"


def test_it_works_without_the_just_in_time_compiler(plain):
    query(plain, "SET jit_above_cost = 0; SELECT sum(n) FROM generate_series(1, 1000) n")


def test_user_database_and_options_come_from_environment_and_arguments(named):
    def ask(sql):
        return query(named, sql, "janus", "Janus data")

    assert ask("SHOW data_checksums") == "on"
    assert ask("SHOW lc_collate") == "C"
    assert ask("SHOW max_connections") == "17"
    assert ask("SHOW data_directory") == f"{DATA}/inner"
    assert ask("SELECT rolsuper FROM pg_roles WHERE rolname = 'janus'") == "t"
    assert ask("SELECT count(*) FROM pg_roles WHERE rolname = 'postgres'") == "0"
    assert named.run(*log_in(named, r"it\'s $a \"secret\"", "janus", "'Janus data'")) == "janus"


def test_the_password_file_is_read_and_scripts_run_once_in_order(start_container, volume, tmp_path):
    (tmp_path / "password").write_text("from a file\n")
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "1.sql").write_text("CREATE TABLE first (n int);")
    (scripts / "2.sh").write_text('psql -U "$POSTGRES_USER" -c "INSERT INTO first VALUES (2)"')
    (scripts / "3.txt").write_text("not a script")
    for path in (*scripts.iterdir(), tmp_path / "password", scripts, tmp_path):
        path.chmod(0o755)
    environment = {"POSTGRES_PASSWORD_FILE": "/password"}
    volumes = {
        volume: DATA,
        f"{tmp_path}/password": "/password:ro",
        f"{scripts}": "/docker-entrypoint-initdb.d:ro",
    }

    def start():
        return start_container(
            "postgresql", environment=environment, volumes=volumes
        ).wait_healthy()

    first = start()
    assert first.run(*log_in(first, "from a file")) == "postgres"
    assert query(first, "SELECT n FROM first") == "2"
    query(first, "INSERT INTO first VALUES (3)")
    first.remove()

    again = start()
    assert query(again, "SELECT string_agg(n::text, ',' ORDER BY n) FROM first") == "2,3"
    assert "database system was shut down" in again.logs()


def test_it_refuses_to_make_a_cluster_without_a_password(start_container):
    container = start_container("postgresql")
    assert container.wait_exit() != 0
    assert "POSTGRES_PASSWORD" in container.logs()


def test_another_command_runs_instead_of_the_server(start_container):
    container = start_container("postgresql", "pg_dump", "--version")
    assert container.wait_exit() == 0
    assert "pg_dump (PostgreSQL) 15." in container.logs()


def test_it_may_be_started_as_its_own_user_without_root(start_container):
    options = ("--user", "999:999")
    environment = {"POSTGRES_PASSWORD": "secret"}
    start_container("postgresql", environment=environment, options=options).wait_healthy()
