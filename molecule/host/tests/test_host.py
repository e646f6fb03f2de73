# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL and Redis from Debian's packages, and the node's own files: backed up and proven."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from _testbed import journal
from testinfra.host import Host

REDIS = "REDISCLI_AUTH=seeded-redis-secret redis-cli"  # inventories/demo
SETTINGS = "save auto-aof-rewrite-percentage rdbcompression"
NIGHTLY = "janus-backup-nightly.service"


@pytest.fixture(scope="module")
def status(play: Any, node: Host) -> dict[str, Any]:
    """Back up all that runs on the node itself; return what the run noted."""
    play("backup")
    noted = node.file("/var/lib/janus-backup/status/nightly.json").content_string
    result: dict[str, Any] = json.loads(noted)
    return result


def test_nothing_runs_in_a_container(node: Host) -> None:
    assert node.check_output("docker ps --all --quiet") == ""
    assert node.service("postgresql@15-main").is_running
    assert node.service("redis-server").is_running


def test_what_runs_on_the_node_is_backed_up_and_not_fuzzy(status: dict[str, Any]) -> None:
    assert status["run"]["status"] == "complete"
    kinds = {name: service["consistency"] for name, service in status["services"].items()}
    assert kinds == {"postgresql": "snapshot", "redis": "snapshot", "files": "bracketed"}


@pytest.mark.usefixtures("status")
def test_the_drill_proves_it_in_containers_and_below_a_directory_of_its_own(
    play: Any, drill_host: Host, latest_report: Callable[[], dict[str, Any]]
) -> None:
    untouched = "find /etc -xdev -newer /tmp/before ! -path '*/janus-backup*'"
    drill_host.check_output("touch /tmp/before")
    play("restore_drill")
    report = latest_report()
    assert report["verdict"] == "proven", report["sentences"]
    assert {service["verdict"] for service in report["services"].values()} == {"proven"}
    assert set(report["services"]) == {"postgresql", "redis", "files"}
    assert drill_host.check_output(untouched) == ""
    assert not drill_host.file("/etc/janus").exists


def test_no_password_is_in_a_log_or_a_report(node: Host, drill_host: Host) -> None:
    for host in (node, drill_host):
        secrets = "seeded-postgresql-secret|seeded-redis-secret"
        counted = f"--boot --unit='janus-backup*' | grep -cE '{secrets}' || true"
        assert journal.read(host, counted).strip() == "0"
    assert drill_host.run(f"grep -rE '{secrets}' /var/lib/janus-backup/drills").rc == 1


@pytest.mark.usefixtures("status")
def test_a_changed_file_fails_the_drill_by_its_name(play: Any, plant: Callable[..., str]) -> None:
    archive = plant("replace", "name: janus", "name: junas")
    output = play("restore_drill", expect=1, archive=archive).stdout
    assert "files: /etc/janus/compose.yaml: sha256" in output


def test_root_is_let_in_by_the_socket_and_what_cannot_be_rebuilt_is_not_run(
    play: Any, node: Host, latest_report: Callable[[], dict[str, Any]]
) -> None:
    play("backup", job="socket")
    noted = json.loads(node.file("/var/lib/janus-backup/status/socket.json").content_string)
    assert noted["services"]["by_socket"]["consistency"] == "snapshot"
    (archive,) = (entry["archive"] for entry in noted["repositories"].values())
    assert (
        "no `rebuild` was declared for it"
        in play("restore_drill", expect=1, archive=archive).stdout
    )
    assert latest_report()["verdict"] == "not run"


def _settings(node: Host) -> str:
    return str(node.check_output(f"{REDIS} config get {SETTINGS}"))


def test_redis_has_its_settings_back_after_a_run_was_killed(node: Host, play: Any) -> None:
    before = _settings(node)
    assert "3600 1" in before
    # The moment is short, so that the node itself has to wait for it.
    noted = "/var/lib/janus-backup/quiesced/nightly/redis.json"
    changed = f'[ -e {noted} ] && [ -z "$({REDIS} config get save | tail -n 1)" ]'
    node.check_output(
        f"systemctl start --no-block {NIGHTLY}"
        f" && timeout 300 sh -c 'until {changed}; do :; done'"
        f" && systemctl kill --signal=KILL --kill-whom=all {NIGHTLY}"
        f" && timeout 300 sh -c 'until systemctl is-failed --quiet {NIGHTLY}; do sleep 0.1; done'"
    )
    assert node.check_output(f"systemctl show -P Result {NIGHTLY}") == "signal"
    assert _settings(node) == before
    assert node.check_output("pgrep --count redis-server") == "1"
    assert not node.file(noted).exists
    assert not node.file("/var/lib/janus-backup/staging/nightly").exists


def test_a_stopped_service_is_named_and_costs_no_other_its_backup(node: Host, play: Any) -> None:
    node.check_output("systemctl stop redis-server")
    try:
        output = play("backup", expect=1).stdout
    finally:
        node.check_output("systemctl start redis-server")
    assert "redis: cannot connect to Redis in 127.0.0.1:6379: Connection refused" in output
    assert "1 of 3 services failed" in output
