# SPDX-License-Identifier: GPL-3.0-or-later
"""A container that is built again is limited, finds nobody but its own, and overwrites nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils import _container, _rebuild
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

NUMBER = os.getpid()
LIMITS = {"memory": "100m", "cpus": 0.5, "pids": 50}


def docker(*arguments: str) -> str:
    return subprocess.run(
        ["docker", *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def drill() -> Iterator[str]:
    """A drill with its network; what it made is removed."""
    name = f"janus-drill-test-{NUMBER}"
    _rebuild.create_network(name)
    yield name
    _rebuild.tear_down(name)
    assert _rebuild.made(name) == []


@pytest.fixture
def record(start_container: Any) -> dict[str, Any]:
    """The record of a Redis that runs."""
    container = start_container("redis").wait_healthy()
    return {"container": _container.specification(_container.inspect(container.name))}


def test_it_is_limited_and_finds_nobody_but_its_own(
    record: dict[str, Any], drill: str, tmp_path: Path
) -> None:
    # That the network leads nowhere takes a second host: the scenario drill shows it.
    name = _rebuild.build(record, tmp_path, tmp_path, drill, drill, LIMITS)
    found = _container.inspect(name)["HostConfig"]
    limits = [found[key] for key in ("Memory", "NanoCpus", "PidsLimit")]
    assert limits == [100 * 2**20, 500_000_000, 50]
    assert found["RestartPolicy"]["Name"] == "no"
    assert not found["PortBindings"]
    original = record["container"]["name"]
    assert _rebuild.carried([original, "nosuch"]) == [original]
    # By the name that it had in production, and nothing that a resolver outside would know.
    docker("exec", name, "getent", "hosts", original)
    asked = ["docker", "exec", name, "getent", "hosts", "www.example.org"]
    assert subprocess.run(asked, capture_output=True, check=False).returncode != 0


def test_one_whose_restore_starts_it_is_only_made(
    record: dict[str, Any], drill: str, tmp_path: Path
) -> None:
    name = _rebuild.build({**record, "before_first_start": True}, tmp_path, tmp_path, drill, drill)
    assert docker("inspect", "--format", "{{.State.Status}}", name) == "created"


def test_what_was_there_before_is_neither_used_nor_removed(
    record: dict[str, Any], drill: str, tmp_path: Path
) -> None:
    taken = f"{drill}-{record['container']['name']}"
    docker("create", "--name", taken, "--label", "theirs=1", "janus-test/redis")
    try:
        with pytest.raises(BackupError, match="cannot build container"):
            _rebuild.build(record, tmp_path, tmp_path, drill, drill)
        _rebuild.tear_down(drill)
        assert docker("inspect", "--format", "{{.State.Status}}", taken) == "created"
    finally:
        docker("rm", taken)
    _rebuild.create_network(drill)
    docker("volume", "create", f"{taken}-0")
    record["container"]["mounts"] = [
        {"type": "volume", "source": "data", "destination": "/data", "read_only": False}
    ]
    try:
        with pytest.raises(BackupError, match=f"refusing to use volume {taken}-0"):
            _rebuild.build(record, tmp_path, tmp_path, drill, drill)
    finally:
        docker("volume", "rm", f"{taken}-0")


def test_nothing_outside_of_the_archive_is_mounted(
    record: dict[str, Any], drill: str, tmp_path: Path
) -> None:
    mount = {"type": "bind", "source": "/x", "destination": "/x", "read_only": True}
    record["container"]["mounts"] = [{**mount, "archived": "../../../etc"}]
    with pytest.raises(BackupError, match="it is not in the archive"):
        _rebuild.build(record, tmp_path, tmp_path, drill, drill)


def test_what_is_made_for_another_purpose_is_no_left_over_drill() -> None:
    name = f"janus-restore-test-{NUMBER}"
    _rebuild.create_network(name)
    try:
        assert name in _rebuild.made(name)
        assert name not in _rebuild.drills()
    finally:
        _rebuild.tear_down(name)
