# SPDX-License-Identifier: GPL-3.0-or-later
"""A production container, built again from an archive: the same in all that anybody relies on."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils import _manifest

PASSWORD = "production secret"
SETTINGS = {
    "HostConfig": ("ExtraHosts", "Memory", "PidsLimit", "PortBindings", "RestartPolicy", "Ulimits"),
    "Config": ("Cmd", "Entrypoint", "Env", "ExposedPorts", "Hostname", "Image", "User"),
}
# Recorded of containers, volumes and networks, but for what a container is called by itself.
LABELS = {"org.example.project": "janus"}


def docker(container: Any, *arguments: str) -> str:
    """Run docker as the image tests do."""
    return str(container.inspect.__globals__["docker"](*arguments))


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Production:
    """A Redis as an operator runs it, with something of everything that can be said of it."""

    def __init__(self, bench: Any, folder: Path, start: Any, volume: str, network: str) -> None:
        self.bench, self.volume, self.network = bench, volume, network
        self.configuration = folder / "redis.conf"
        self.configuration.write_text("maxmemory 77mb\n")
        self.configuration.chmod(0o604)
        self.port = free_port()
        self.container = start(
            "redis",
            *("redis-server", "/etc/redis.conf", "--requirepass", PASSWORD),
            volumes={volume: "/data", str(self.configuration): "/etc/redis.conf:ro"},
            options=[
                *(f"--network={network}", "--network-alias=cache", "--hostname=janus-redis"),
                *(f"--publish=127.0.0.1:{self.port}:6379", "--restart=unless-stopped"),
                *("--memory=256m", "--pids-limit=200", "--ulimit=nofile=4096:4096"),
                *("--label=org.example.project=janus", "--add-host=elsewhere:192.0.2.7"),
            ],
        )
        self.name = self.container.name
        self.access = {"container": self.name, "password_file": bench.secret(PASSWORD)}

    def build(self, journal: Path | None = None, check: bool = False, **more: Any) -> Any:
        """Build the container again from the dump."""
        if journal:
            more["journal"] = str(journal)
        return self.bench.module(
            "production_container",
            name="redis",
            source=str(self.bench.staging),
            images=str(self.bench.folder / "images"),
            label="test",
            _ansible_check_mode=check,
            **more,
        )

    def destroy(self) -> None:
        """Lose all of it."""
        docker(self.container, "rm", "-f", "-v", self.name)
        docker(self.container, "volume", "rm", self.volume)
        docker(self.container, "network", "rm", self.network)
        self.configuration.unlink()

    def told(self) -> dict[str, Any]:
        """Return what Docker tells of it that is to be the same again."""
        (told,) = json.loads(docker(self.container, "container", "inspect", self.name))
        (network,) = json.loads(docker(self.container, "network", "inspect", self.network))
        endpoint = told["NetworkSettings"]["Networks"][self.network]
        found = {key: told[part][key] for part, keys in SETTINGS.items() for key in keys}
        found["aliases"] = sorted(set(endpoint["Aliases"]) - {told["Id"][:12]})
        found["mounts"] = sorted(
            (mount["Type"], mount.get("Name") or mount["Source"], mount["Destination"], mount["RW"])
            for mount in told["Mounts"]
        )
        found["labels"] = {
            key: value
            for key, value in told["Config"]["Labels"].items()
            if not key.startswith("janus.backup.")
        }
        found["pools"] = network["IPAM"]["Config"]
        found["file"] = (self.configuration.read_text(), self.configuration.stat().st_mode)
        return found

    def cli(self, *words: str) -> str:
        """Run redis-cli in it."""
        return str(self.container.run("redis-cli", "--no-auth-warning", "-a", PASSWORD, *words))


# One for each process of pytest: two of them may be at this file at once.
SUBNET = f"192.168.{211 + int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:])}.0/24"


@pytest.fixture
def production(
    workbench: Any, tmp_path: Path, start_container: Callable[..., Any], volume: str
) -> Iterator[Production]:
    workbench.type = "redis"
    network = f"{volume}-network"
    run = start_container.__globals__["docker"]
    run(
        "network",
        "create",
        f"--subnet={SUBNET}",
        f"--label={'='.join(*LABELS.items())}",
        network,
    )
    try:
        made = Production(workbench, tmp_path, start_container, volume, network)
        made.container.wait_healthy()
        made.cli("EVAL", "for n = 0, 99 do redis.call('SET', 'key:'..n, 'value '..n) end", "0")
        yield made
    finally:
        holders = run("ps", "-aq", "--filter", f"network={network}").split()
        run("rm", "-f", "-v", *holders)
        run("network", "rm", network)


def test_it_comes_back_as_it_was_with_its_data(production: Production) -> None:
    before = production.told()
    assert not production.bench.dump(**production.access).get("failed")
    production.destroy()
    told = production.build(check=True)
    assert told["changed"], told
    assert not production.configuration.exists(), "check mode made something"
    built = production.build()
    assert not built.get("failed"), built
    assert production.told() == before
    assert production.bench.restore(**production.access)["changed"]
    assert production.bench.differences(**production.access) == []
    with socket.create_connection(("127.0.0.1", production.port), timeout=5):
        pass


def test_what_is_in_the_way_is_named_and_left_alone_unless_told(production: Production) -> None:
    production.bench.dump(**production.access)
    for check in (True, False):
        refused = production.build(check=check)
        assert refused["failed"]
        assert f"there is a container {production.name}" in refused["msg"]
        assert f"volume {production.volume} is not empty" in refused["msg"]
    assert production.cli("GET", "key:7") == "value 7"
    production.configuration.write_text("maxmemory 78mb\n")
    built = production.build(replace=True)
    assert len(built["cleared"]) == 3, built
    aside = production.configuration.with_name("redis.conf.before-recovery")
    assert aside.read_text() == "maxmemory 78mb\n"
    assert production.configuration.read_text() == "maxmemory 77mb\n"
    production.container.wait_healthy()
    assert production.cli("DBSIZE") == "0"


def test_a_taken_port_is_in_the_way_even_if_told(production: Production) -> None:
    production.bench.dump(**production.access)
    production.destroy()
    with socket.socket() as other:
        other.bind(("127.0.0.1", production.port))
        other.listen()
        refused = production.build(replace=True)
        assert f"port {production.port}/tcp on 127.0.0.1 cannot be had" in refused["msg"]
    assert not production.build().get("failed")


def test_an_interrupted_build_is_begun_anew(production: Production, tmp_path: Path) -> None:
    production.bench.dump(**production.access)
    production.destroy()
    journal = tmp_path / "state/redis.json"
    assert not production.build(journal)["undone"]
    production.container.wait_healthy()
    production.cli("SET", "half", "restored")
    again = production.build(journal)
    assert again["undone"] == [production.name, production.volume]
    production.container.wait_healthy()
    assert production.cli("DBSIZE") == "0"
    journal.unlink()
    assert "there is a container" in production.build(journal)["msg"]


def test_it_can_stand_beside_the_running_one(production: Production) -> None:
    production.bench.dump(**production.access)
    other = f"{production.name}-beside"
    try:
        built = production.build(
            container=other, volumes={production.volume: f"{other}-data"}, publish=False
        )
        assert not built.get("failed"), built
        access = {**production.access, "container": other}
        assert production.bench.restore(**access)["changed"]
        assert production.bench.differences(**access) == []
        (told,) = json.loads(docker(production.container, "container", "inspect", other))
        assert not told["HostConfig"]["PortBindings"]
        assert "cache" not in told["NetworkSettings"]["Networks"][production.network]["Aliases"]
        assert production.cli("GET", "key:7") == "value 7"
    finally:
        docker(production.container, "rm", "-f", other)
        docker(production.container, "volume", "rm", f"{other}-data")


def test_one_whose_restore_starts_it_is_only_made(production: Production) -> None:
    staging = production.bench.staging
    production.bench.dump(**production.access)
    manifest = _manifest.read(staging)
    manifest["services"]["redis"]["before_first_start"] = True
    _manifest.seal(staging / _manifest.NAME, manifest)
    production.destroy()
    built = production.build()
    assert not built.get("failed"), built
    assert production.container.inspect("{{.State.Status}}") == "created"
