# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def plain(start_container):
    return start_container("redis").wait_healthy()


def test_it_is_redis_7_run_by_uid_999_on_data(plain):
    assert "redis_version:7." in plain.run("redis-cli", "info", "server")
    assert plain.run("stat", "--format", "%u", "/proc/1", "/data").split() == ["999", "999"]
    assert plain.run("redis-cli", "config", "get", "dir").split() == ["dir", "/data"]


def test_other_containers_may_use_it_without_a_password(plain, start_container):
    client = start_container("redis", "redis-cli", "-h", plain.address, "ping")
    assert client.wait_exit() == 0
    assert client.logs().strip() == "PONG"


def test_arguments_alone_are_options_of_the_server(start_container):
    arguments = ("--requirepass", "two words", "--maxmemory", "12mb")
    container = start_container("redis", *arguments).wait_healthy()
    assert "NOAUTH" in container.run("redis-cli", "get", "x")
    answer = container.run("redis-cli", "-a", "two words", "config", "get", "maxmemory")
    assert answer.split() == ["maxmemory", "12582912"]


def test_a_configuration_file_is_read_and_has_the_last_word(start_container, tmp_path):
    (tmp_path / "redis.conf").write_text("protected-mode yes\nappendfilename other.aof\n")
    for path in (tmp_path, tmp_path / "redis.conf"):
        path.chmod(0o755)
    container = start_container(
        "redis", "/etc/redis.conf", volumes={f"{tmp_path}/redis.conf": "/etc/redis.conf:ro"}
    ).wait_healthy()
    assert container.run("redis-cli", "config", "get", "protected-mode").split()[1] == "yes"
    assert container.run("redis-cli", "config", "get", "appendfilename").split()[1] == "other.aof"


@pytest.mark.parametrize("appendonly", ["yes", "no"])
def test_data_outlives_the_container(start_container, volume, appendonly):
    def start():
        arguments = ("redis-server", "--appendonly", appendonly)
        return start_container("redis", *arguments, volumes={volume: "/data"}).wait_healthy()

    first = start()
    first.run("redis-cli", "set", "key", "value")
    # It saves by itself at its end, as save points are set by default.
    first.remove()

    again = start()
    assert again.run("redis-cli", "get", "key") == "value"
    names = set(again.run("ls", "/data").split())
    assert names == {"dump.rdb"} | ({"appendonlydir"} if appendonly == "yes" else set())
    modes = again.run("find", "/data", "-type", "f", "-printf", "%U %m\\n")
    assert set(modes.split("\n")) == {"999 600"}


def test_data_of_root_is_handed_to_the_server(start_container, volume):
    options = ("--entrypoint", "touch")
    root = start_container("redis", "/data/of-root", volumes={volume: "/data"}, options=options)
    root.wait_exit()
    container = start_container("redis", volumes={volume: "/data"}).wait_healthy()
    assert container.run("stat", "--format", "%u", "/data/of-root") == "999"


def test_the_checkers_of_data_files_are_there(plain):
    plain.run("redis-cli", "save")
    assert "RDB looks OK" in plain.run("redis-check-rdb", "/data/dump.rdb")
    plain.run("which", "redis-check-aof", "redis-benchmark")
