# SPDX-License-Identifier: GPL-3.0-or-later
"""Every service of the stack goes into one archive and comes back equal on a bare host."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host

CONTAINERS = {"postgresql", "redis", "rabbitmq", "qdrant", "neo4j"}
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


def _dump(node: Host, forks: int) -> float:
    """Dump all services, so many at once; return the seconds."""
    job = "/etc/janus-backup/jobs/nightly.yml"
    cleanup = f"python -m ansible_collections.janus.backup.plugins.module_utils._cleanup {job}"
    started = time.monotonic()
    node.check_output(
        "export PATH=/opt/janus-backup/venv/bin:$PATH PYTHONPATH=/opt/janus-backup/collections"
        f" ANSIBLE_CONFIG=/opt/janus-backup/ansible.cfg && {cleanup} --prepare"
        f" && ansible-playbook janus.backup.dump --forks {forks} -e @{job} && {cleanup}"
    )
    return time.monotonic() - started


@pytest.mark.usefixtures("status")
def test_dumping_beside_each_other_is_faster_than_one_after_the_other(node: Host) -> None:
    apart, beside = _dump(node, 1), _dump(node, len(SERVICES))
    print(f"one after the other {apart:.1f} s, beside each other {beside:.1f} s")
    assert beside < apart


def test_the_drill_proves_the_whole_stack(
    status: dict[str, Any], play: Any, latest_report: Callable[[], dict[str, Any]]
) -> None:
    play("restore_drill")
    report = latest_report()
    assert report["verdict"] == "proven", report["sentences"]
    assert set(report["services"]) == SERVICES
    assert {service["verdict"] for service in report["services"].values()} == {"proven"}


def test_the_services_of_the_node_run_as_before(node: Host) -> None:
    for name in CONTAINERS:
        state = node.check_output(f"docker inspect --format '{{{{.State.Status}}}}' janus-{name}")
        assert state == "running", name
