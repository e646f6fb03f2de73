# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis in real containers: what comes back, what is noticed, what a killed run leaves behind."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils._services import _redis_parts

PROJECT = Path(__file__).parents[2]
SEED = PROJECT / "molecule" / "seed" / "redis.py"
AOF = ("redis-server", "--appendonly", "yes")
RDB = ("redis-server",)
SETTINGS = ("save", "auto-aof-rewrite-percentage", "rdbcompression", "appendonly", "maxmemory")


def cli(container: Any, *words: str, **options: Any) -> str:
    """Run redis-cli in a container and return what it printed."""
    return container.run("redis-cli", *words, **options)


def seed(container: Any, packages: int = 1500, **environment: str) -> None:
    """Fill a server with the seed data."""
    url = f"redis://{container.address}"
    subprocess.run(
        [sys.executable, str(SEED), "--url", url, "--packages", str(packages)],
        check=True,
        env={**os.environ, **environment},
    )


def seeder() -> Any:
    """Return the seeder, for its connection to a server."""
    sys.path.insert(0, str(SEED.parent))
    try:
        found = importlib.util.spec_from_file_location("seed_redis", SEED)
        module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
        return module
    finally:
        sys.path.pop(0)


def settings(container: Any) -> dict[str, str]:
    """Return the settings that a dump must not leave changed."""
    return {name: cli(container, "CONFIG", "GET", name) for name in SETTINGS}


@pytest.fixture
def start(start_container: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that starts a Redis and waits for it."""

    def run(*command: str, **options: Any) -> Any:
        return start_container("redis", *command, **options).wait_healthy()

    return run


@pytest.fixture
def writers() -> Iterator[Callable[[Any], list[float]]]:
    """Return a function that has a client write to a container until the end of the test, and
    returns the growing list of how long each write took.
    """
    stop = threading.Event()
    threads = []

    def begin(container: Any) -> list[float]:
        server = seeder().Server(f"redis://{container.address}", None)
        times: list[float] = []

        def write() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                began = time.monotonic()
                server.run(
                    [
                        ("INCR", "live:counter"),
                        ("RPUSH", "live:queue", number),
                        ("LPOP", "debian:queue:build"),
                        ("ZINCRBY", "debian:ranking", 0.1, "live"),
                        ("XADD", "debian:uploads", "*", "number", number),
                        ("SET", f"live:session:{number % 50}", number, "EX", 3600),
                        ("SET", f"debian:page:{number}", number),
                    ]
                )
                times.append(time.monotonic() - began)

        threads.append(threading.Thread(target=write))
        threads[-1].start()
        return times

    yield begin
    stop.set()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    ("source", "target"), [(RDB, RDB), (AOF, AOF), (RDB, AOF), (AOF, RDB)], ids=lambda c: c[-1]
)
def test_what_was_dumped_comes_back_equal(
    workbench: Any, start: Any, source: tuple[str, ...], target: tuple[str, ...]
) -> None:
    redis, fresh = start(*source), start(*target)
    seed(redis)
    before = settings(redis)
    dumped = workbench.dump(container=redis.name)
    assert dumped["consistency"]["kind"] == "snapshot", dumped
    assert dumped["consistency"]["paused_seconds"] < 1
    assert settings(redis) == before
    names = workbench.record()["checksums"]
    assert 'user "debian-shipper"' in names
    assert 'function library "debian"' in names
    assert 'database 15 key "debian:queue:build"' in names
    assert names['database 1 keys "debian:"']["keys"] == 12_000
    restored = workbench.restore(container=fresh.name)
    assert restored["changed"], restored
    assert workbench.differences(container=fresh.name) == []
    assert cli(fresh, "PEXPIRETIME", "debian:session:1") == "4102444800999"
    assert not workbench.restore(container=fresh.name)["changed"]
    # It must also be there after a restart, as the server starts by itself.
    fresh.run("redis-cli", "CONFIG", "SET", "save", "")
    subprocess.run(["docker", "restart", fresh.name], check=True, capture_output=True)
    fresh.wait_healthy()
    # Users and settings made while it ran are nowhere in its files, here as where it came from.
    left = {line.split(" ")[0] for line in workbench.differences(container=fresh.name)}
    assert left <= {"user", "configuration:"}
    assert workbench.helpers() == []


def test_changed_configuration_and_users_come_back(
    workbench: Any, start: Any, start_container: Any, volume: str
) -> None:
    """An ACL user backs up a server with a password, an ACL file and settings made while it ran."""
    command = ("redis-server", "--aclfile", "/data/users.acl", "--save", "60 1")
    docker_run = ["docker", "run", "--rm", "-v", f"{volume}:/data", "--entrypoint", "sh"]
    script = (
        "echo 'user default on >first ~* &* +@all' >/data/users.acl;"
        "echo 'user backup on >s#cret ~* &* +@all' >>/data/users.acl"
    )
    subprocess.run([*docker_run, "janus-test/redis", "-c", script], check=True)
    redis = start(*command, volumes={volume: "/data"})
    login = ("--no-auth-warning", "-a", "first")
    cli(redis, *login, "ACL", "SETUSER", "later", "on", ">third", "~a*", "+get")
    cli(redis, *login, "CONFIG", "SET", "maxmemory", "1gb", "maxmemory-policy", "allkeys-lfu")
    cli(redis, *login, "CONFIG", "SET", "notify-keyspace-events", "KEA")
    cli(redis, *login, "SET", "a", "1")
    access = {"user": "backup", "password_file": workbench.secret("s#cret")}
    assert not workbench.dump(container=redis.name, **access).get("failed")
    # An empty volume: without its ACL file this server does not even start.
    fresh = start_container("redis", *command)
    assert fresh.wait_exit() != 0
    restored = workbench.restore(container=fresh.name, **access)
    assert restored.get("changed"), restored
    assert workbench.differences(container=fresh.name, **access) == []
    found = workbench.module(
        "redis_info", container=fresh.name, user="later", password_file=workbench.secret("third")
    )
    assert "no permissions" in found["msg"], "the user is there, with the rights it had"


def test_a_query_reads_and_nothing_else(workbench: Any, start: Any) -> None:
    container = start(*RDB)
    cli(container, "SET", "a b", "é")
    cli(container, "-n", "3", "HSET", "hash", "field", "1")
    access = {"container": container.name}
    assert workbench.ask("DBSIZE", **access) == 1
    assert workbench.ask('GET "a b"', **access) == "é"
    assert workbench.ask("HGETALL hash", "3", **access) == ["field", "1"]
    assert workbench.ask("GET missing", **access) is None
    assert "WRONGTYPE" in workbench.ask("GET hash", "3", **access)
    for text in ("SET a c", "FLUSHALL", "SHUTDOWN NOSAVE", "NOSUCH", ""):
        assert "is no command that only reads" in workbench.ask(text, **access)
    assert workbench.ask("DBSIZE", **access) == 1


def test_a_changed_value_fails_the_comparison_by_its_name(workbench: Any, start: Any) -> None:
    redis, fresh = start(*AOF), start(*AOF)
    seed(redis, 300)
    workbench.dump(container=redis.name)
    workbench.restore(container=fresh.name)
    assert workbench.differences(container=fresh.name) == []
    cli(fresh, "LSET", "debian:queue:build", "7", "another")
    cli(fresh, "PEXPIREAT", "debian:size", "4102444800000")
    cli(fresh, "XGROUP", "DELCONSUMER", "debian:uploads", "builders", "idle")
    cli(fresh, "-n", "1", "SET", "debian:page:11999", "x")
    cli(fresh, "FUNCTION", "FLUSH")
    cli(fresh, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    found = "\n".join(workbench.differences(container=fresh.name))
    for name in (
        'database 0 key "debian:queue:build": digest',
        'database 0 key "debian:size": missing',
        'database 0 keys "debian:" that expire 2100-01-01T00Z',
        'database 0 key "debian:uploads": digest',
        'database 1 keys "debian:": digest',
        'function library "debian": missing',
        "configuration: maxmemory-policy noeviction at backup, allkeys-lru now",
    ):
        assert name in found


@pytest.mark.parametrize("command", [RDB, AOF], ids=lambda c: c[-1])
def test_clients_that_write_during_the_dump_are_neither_lost_nor_kept_waiting(
    workbench: Any, start: Any, writers: Any, command: tuple[str, ...]
) -> None:
    redis, fresh = start(*command), start(*command)
    seed(redis)
    times = writers(redis)
    while len(times) < 100:
        time.sleep(0.01)
    begun = len(times)
    dumped = workbench.dump(container=redis.name)
    assert dumped["consistency"]["kind"] == "snapshot", dumped
    assert len(times) > begun + 50
    assert max(times) < 1
    workbench.restore(container=fresh.name)
    assert workbench.differences(container=fresh.name) == []
    assert workbench.differences(container=redis.name), "it has gone on since"


def test_live_checksums_are_fuzzy_while_clients_write(
    workbench: Any, start: Any, writers: Any
) -> None:
    redis = start(*RDB)
    seed(redis)
    live = {"container": redis.name, "options": {"checksums": "live"}}
    idle = workbench.dump(**live)["consistency"]
    assert (idle["kind"], idle["reason"]) == ("bracketed", None)
    writers(redis)
    busy = workbench.dump(**live)["consistency"]
    assert busy["kind"] == "fuzzy"
    assert "changes were made" in busy["reason"]


@pytest.mark.parametrize("moment", ["quiesced", "copied", "loaded"])
def test_a_killed_dump_leaves_nothing_and_the_next_one_succeeds(
    workbench: Any, start: Any, writers: Any, moment: str
) -> None:
    redis = start(*AOF)
    seed(redis)
    before = settings(redis)
    writers(redis)
    noted = workbench.folder / "state" / "quiesced" / workbench.job / "redis.json"
    conditions: dict[str, Callable[[], object]] = {
        "quiesced": noted.is_file,
        "copied": lambda: any(path.name == "dump.rdb" for path in workbench.partial()),
        "loaded": lambda: (workbench.scratch / "redis" / "redis.sock").exists(),
    }
    process = workbench.begin_dump(container=redis.name)
    workbench.kill(process, conditions[moment])
    assert workbench.helpers(), "killed in the middle: the helper container is still there"
    workbench.cleanup()
    assert workbench.leftovers() == []
    assert settings(redis) == before
    began = time.monotonic()
    assert cli(redis, "INCR", "after") == "1"
    assert time.monotonic() - began < 1, "writes are not paused any more"
    assert workbench.dump(container=redis.name)["consistency"]["kind"] == "snapshot"


def test_a_server_that_went_down_after_a_killed_dump_needs_no_undoing(
    workbench: Any, start: Any
) -> None:
    redis = start("redis-server", "--save", "")
    seed(redis)
    before = settings(redis)
    workbench.kill(workbench.begin_dump(container=redis.name), workbench.partial)
    subprocess.run(["docker", "kill", redis.name], check=True, capture_output=True)
    workbench.cleanup()
    assert workbench.leftovers() == []
    subprocess.run(["docker", "start", redis.name], check=True, capture_output=True)
    redis.wait_healthy()
    assert settings(redis) == before
    assert cli(redis, "DBSIZE") == "0", "it keeps nothing, so the dump must not have made it"


@pytest.mark.parametrize("command", [RDB, AOF], ids=lambda c: c[-1])
def test_after_a_killed_restore_a_second_one_succeeds(
    workbench: Any, start: Any, command: tuple[str, ...]
) -> None:
    redis, killed, fresh = start(*command), start(*command), start(*command)
    seed(redis)
    workbench.dump(container=redis.name)
    process = workbench.begin_restore(container=killed.name)
    workbench.kill(process, lambda: "exited" in killed.inspect("{{.State.Status}}"))
    assert workbench.helpers()
    for helper in workbench.helpers():
        subprocess.run(["docker", "rm", "-f", helper], check=True, capture_output=True)
    assert workbench.restore(container=fresh.name)["changed"]
    assert workbench.differences(container=fresh.name) == []
    # The one that was left stopped can be restored too.
    assert workbench.restore(container=killed.name, replace=True)["changed"]
    assert workbench.differences(container=killed.name) == []


def test_a_server_that_keeps_nothing_is_left_without_an_rdb(workbench: Any, start: Any) -> None:
    redis = start("redis-server", "--save", "")
    cli(redis, "SET", "a", "1")
    assert workbench.dump(container=redis.name)["consistency"]["kind"] == "snapshot"
    assert redis.run("ls", "-A", "/data") == ""
    process = workbench.begin_dump(container=redis.name)
    workbench.kill(process, lambda: redis.run("ls", "-A", "/data"))
    workbench.cleanup()
    assert redis.run("ls", "-A", "/data") == ""


def test_a_server_with_data_is_overwritten_only_when_told(workbench: Any, start: Any) -> None:
    redis, other = start(*RDB), start(*RDB)
    cli(redis, "SET", "a", "1")
    workbench.dump(container=redis.name)
    cli(other, "SET", "b", "2")
    refused = workbench.restore(container=other.name)
    assert "is not empty (db0): refusing to overwrite it without replace" in refused["msg"]
    assert cli(other, "GET", "b") == "2"
    assert workbench.restore(container=other.name, replace=True)["changed"]
    assert cli(other, "KEYS", "*") == "a"


def test_keys_that_expired_since_are_not_missed(workbench: Any, start: Any) -> None:
    redis, fresh = start(*RDB), start(*RDB)
    cli(redis, "SET", "session:1", "1", "EX", "6")
    cli(redis, "SET", "a", "1")
    workbench.dump(container=redis.name)
    workbench.restore(container=fresh.name)
    while cli(redis, "EXISTS", "session:1") == "1":
        time.sleep(0.1)
    assert workbench.differences(container=fresh.name) == []


def test_a_wrong_password_and_a_stopped_container_are_one_sentence(
    workbench: Any, start: Any
) -> None:
    redis = start("redis-server", "--requirepass", "right")
    right, wrong = workbench.secret("right"), workbench.secret("wrong")
    staging = str(workbench.folder)

    def refusal(**access: Any) -> str:
        result = workbench.module("redis_dump", staging=staging, container=redis.name, **access)
        assert result["failed"]
        return result["msg"]

    said = f"Redis in {redis.name} says"
    assert refusal(password_file=wrong) == (
        f"redis: cannot log in: {said} WRONGPASS invalid username-password pair or user is"
        " disabled."
    )
    assert refusal() == f"redis: {said} NOAUTH Authentication required."
    login = ("--no-auth-warning", "-a", "right")
    cli(redis, *login, "ACL", "SETUSER", "reader", "on", ">weak", "+@all", "-bgsave")
    weak = {"user": "reader", "password_file": workbench.secret("weak")}
    assert "no permissions to run the 'bgsave' command" in refusal(**weak)
    subprocess.run(["docker", "stop", redis.name], check=True, capture_output=True)
    assert refusal(password_file=right).startswith(
        f"redis: container {redis.name} is not running: exited"
    )
    assert not (workbench.folder / "redis").exists()


@pytest.fixture
def pair(start: Callable[..., Any], workbench: Any) -> tuple[Any, Any]:
    """A server in which something went wrong, and a twin with what it was."""
    live, twin = start(*AOF), start(*AOF)
    cli(twin, "EVAL", "for n=1,250 do redis.call('SET','user:'..n,'right') end return 1", "0")
    cli(twin, "HSET", "cart:1", "apples", "3")
    cli(twin, "SET", "brief", "soon", "EX", "5000")
    cli(live, "SET", "user:1", "wrong")
    cli(live, "SET", "user:new", "later")
    cli(live, "SET", "other", "untouched")
    noted = {"run": workbench.job, "state_directory": str(workbench.folder / "state")}
    plan = {"service": {"name": "redis", "container": live.name}}
    workbench.module("restore_journal", phase="asked", plan=plan, **noted)
    return live, twin


def part(workbench: Any, pair: tuple[Any, Any], kind: str, path: str, **more: Any) -> Any:
    """Restore a part from the twin; return the module's result and what was remembered."""
    live, twin = pair
    given = {"container": live.name, "twin": twin.name, "kind": kind, "path": path, **more}
    result = workbench.module("redis_part", **given)
    text = (workbench.folder / "state/restore" / f"{workbench.job}.json").read_text()
    return result, json.loads(text)["janus_backup_restore"].get("undo", {}).get("token")


def everything(container: Any) -> str:
    """Return all that a server holds, but for the time that keys still have."""
    script = (
        "local found = {} for n = 0, 15 do redis.call('SELECT', n) "
        "local keys = redis.call('KEYS', '*') table.sort(keys) for _, key in ipairs(keys) do "
        "found[#found + 1] = n .. key .. redis.sha1hex(redis.call('DUMP', key)) end end "
        "return table.concat(found, ' ')"
    )
    return cli(container, "EVAL", script, "0")


def test_keys_take_the_place_of_the_present_ones_and_go_again(
    workbench: Any, pair: tuple[Any, Any]
) -> None:
    live = pair[0]
    before = everything(live)
    result, token = part(workbench, pair, "keys", "0/user:*")
    assert result.get("objects") == 250, result
    assert cli(live, "GET", "user:1").strip() == "right"
    assert cli(live, "EXISTS", "user:new").strip() == "0"
    assert cli(live, "GET", "other").strip() == "untouched"
    assert cli(live, "-n", token["aside"], "GET", "user:new").strip() == "later"
    for _again in range(2):
        _redis_parts.undo(token)
        assert everything(live) == before


def test_a_database_takes_the_place_of_the_present_one_and_the_old_one_is_discarded(
    workbench: Any, pair: tuple[Any, Any]
) -> None:
    live, twin = pair
    result, token = part(workbench, pair, "database", "0")
    assert result.get("objects") == 252, result
    assert cli(live, "-n", token["aside"], "GET", "other").strip() == "untouched"
    assert int(cli(live, "TTL", "brief")) > 4000
    for _again in range(2):
        _redis_parts.discard(token)
        assert everything(live) == everything(twin)


def test_keys_come_beside_the_present_ones_or_not_at_all(
    workbench: Any, pair: tuple[Any, Any]
) -> None:
    live = pair[0]
    before = everything(live)
    refused, _token = part(workbench, pair, "keys", "0/user:*", as_name="0")
    assert "has no empty database 0" in refused["msg"]
    refused, token = part(workbench, pair, "keys", "0/nosuch:*")
    assert "the archive has no nosuch:* in database 0" in refused["msg"]
    _redis_parts.undo(token)
    assert everything(live) == before
    result, token = part(workbench, pair, "keys", "0/cart:*", as_name="7")
    assert result.get("restored") == "database 7", result
    assert cli(live, "-n", "7", "HGET", "cart:1", "apples").strip() == "3"
    _redis_parts.undo(token)
    assert everything(live) == before
