# SPDX-License-Identifier: GPL-3.0-or-later
"""Every service of the stack goes into one archive and comes back equal on a bare host."""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[3]
SCENARIO = os.environ["MOLECULE_SCENARIO_NAME"]
CONTAINERS = {"postgresql", "redis", "rabbitmq", "qdrant", "neo4j", "minio"}
SERVICES = {*CONTAINERS, "files"}


@pytest.fixture(scope="module")
def status(play: Any, node: Host) -> dict[str, Any]:
    play("backup")
    noted = node.file("/var/lib/janus-backup/status/nightly.json").content_string
    result: dict[str, Any] = json.loads(noted)
    return result


def test_every_service_is_in_the_archive(status: dict[str, Any]) -> None:
    assert status["run"]["status"] == "complete"
    assert set(status["services"]) == SERVICES


def test_no_idle_service_is_fuzzy(status: dict[str, Any]) -> None:
    kinds = {name: service["consistency"] for name, service in status["services"].items()}
    assert "fuzzy" not in kinds.values(), kinds


def test_the_services_are_dumped_beside_each_other(status: dict[str, Any], node: Host) -> None:
    ((repository, stored),) = status["repositories"].items()
    manifest = json.loads(
        node.check_output(
            "BORG_BASE_DIR=/var/lib/janus-backup/borg"
            " BORG_PASSCOMMAND='cat /etc/janus-backup/passphrase' /opt/janus-backup/venv/bin/borg"
            f" extract --stdout {repository}::{stored['archive']} staging/nightly/manifest.json"
        )
    )
    dumps = manifest["services"].values()
    begun, ended = (
        [datetime.datetime.fromisoformat(service[key]) for service in dumps]
        for key in ("started", "finished")
    )
    passed = (max(ended) - min(begun)).total_seconds()
    apart = sum(service["seconds"] for service in dumps)
    print(f"{apart:.1f} s of dumps in {passed:.0f} s; `make bench ARGS=bed` compares both ways")
    # Whatever the machine's speed: dumps one after the other do not overlap.
    assert apart > passed + 1


def test_the_drill_proves_the_whole_stack(
    status: dict[str, Any], play: Any, latest_report: Callable[[], dict[str, Any]]
) -> None:
    said = play("restore_drill").said
    report = latest_report()
    assert report["verdict"] == "proven", report["sentences"]
    assert set(report["services"]) == SERVICES
    assert {service["verdict"] for service in report["services"].values()} == {"proven"}
    # How long each was away, and how long it would have been with nothing but its own tools.
    for name, service in report["services"].items():
        seconds = service["seconds"]
        assert 0 < seconds["tool"] <= seconds["restore"], name
        (row,) = re.findall(rf'{name} proven [^"]*', said)
        in_all = seconds.get("build", 0) + seconds["restore"] + seconds["verify"]
        assert f"{seconds['tool']:.1f} s" in row, row
        assert f"{in_all:.1f} s" in row, row


def test_the_services_of_the_node_run_as_before(node: Host) -> None:
    for name in CONTAINERS:
        state = node.check_output(f"docker inspect --format '{{{{.State.Status}}}}' janus-{name}")
        assert state == "running", name


def _changed(name: str) -> str:
    """Return the object of a service that molecule/shared/change.yml changes."""
    described = (ROOT / f"molecule/shared/stack/{name}.yml").read_text(encoding="utf-8")
    changed: str = yaml.safe_load(described)["stack_changed"]
    return changed


@pytest.fixture(scope="module")
def before(status: dict[str, Any], plant: Callable[..., str], play: Any) -> str:
    """The archive from before one object of each service was changed."""
    archive = plant("nothing")
    play("molecule/shared/change.yml")
    return archive


@pytest.mark.usefixtures("status")
def test_a_drill_names_the_one_object_of_each_service_that_is_not_as_at_backup(
    play: Any,
    plant: Callable[..., str],
    latest_report: Callable[[], dict[str, Any]],
    before: str,
) -> None:
    play("backup")
    # All is in order with this archive, but for its promise of data that were before the change.
    play("restore_drill", archive=plant("forge", before), expect=1)
    services = latest_report()["services"]
    assert {service["verdict"] for service in services.values()} == {"failed"}
    for name in SERVICES:
        (sentence,) = services[name]["differences"]
        assert sentence.startswith(f"{_changed(name)}: "), sentence


@pytest.mark.parametrize(
    ("name", "compared"),
    [
        ("minio", "equal"),
        ("neo4j", "equal"),
        ("qdrant", "equal"),
        # The queue and the exchange "passing" are not durable: no broker has them after a start.
        ("rabbitmq", "2 objects differ"),
    ],
)
def test_a_restore_has_the_changed_object_back(
    name: str, compared: str, play: Any, before: str
) -> None:
    # PostgreSQL and Redis have the scenario `restore`.
    said = play("restore", restore=name, archive=before, confirm=name).said
    assert f"compared again in its place: {compared}" in said


@pytest.mark.parametrize(
    ("name", "part"), [("minio", "bucket:debian-odd"), ("rabbitmq", "vhost:debian")]
)
def test_a_part_comes_back_in_its_place(name: str, part: str, play: Any, before: str) -> None:
    confirm = f"{name}/{part}"
    said = play("restore", restore=name, part=part, archive=before, confirm=confirm).said
    assert f"it is {part.partition(':')[2]}" in said


def test_after_a_power_failure_while_neo4j_is_stopped_it_runs_again(node: Host, play: Any) -> None:
    state = "docker inspect --format '{{.State.Running}}' janus-neo4j"
    node.check_output("systemctl start --no-block janus-backup-nightly.service")
    _await("Neo4j to be stopped", lambda: node.check_output(state) == "false")
    subprocess.run(["docker", "kill", f"janus-{SCENARIO}-janus1"], check=True)
    testbed = [sys.executable, "molecule/testbed.py", "start", SCENARIO, "janus1"]
    subprocess.run(testbed, check=True, cwd=ROOT)
    _await("Neo4j to run again", lambda: node.check_output(state) == "true")
    cleaned = "systemctl show --property=ActiveState --value janus-backup-recover.service"
    _await("the clean-up at boot", lambda: node.check_output(cleaned) == "active")
    assert not node.file("/var/lib/janus-backup/staging/nightly").exists
    assert node.check_output("find /var/lib/janus-backup/quiesced -type f") == ""


def _await(what: str, condition: Callable[[], bool], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s in vain for {what}")
        time.sleep(0.05)
