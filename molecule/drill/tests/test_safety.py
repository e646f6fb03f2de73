# SPDX-License-Identifier: GPL-3.0-or-later
"""A drill reaches nothing, meets no other drill, leaves nothing and touches nothing but its own."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from _testbed import drills, journal
from testinfra.host import Host

PYTHON = "PYTHONPATH=/opt/janus-backup/collections /opt/janus-backup/venv/bin/python"


@pytest.fixture(scope="module", autouse=True)
def _first(archives: list[str]) -> None:
    """Have the archives."""


def start(host: Host, archive: str) -> str:
    """Start a drill, and return its unit."""
    unit = drills.unit(archive)
    host.check_output(f"systemctl reset-failed '{unit}' 2>/dev/null || true")
    host.check_output(f"systemctl start --no-block '{unit}'")
    return unit


def containers(host: Host) -> dict[str, str]:
    """Return the drills' containers by name, with their drill."""
    form = '{{.Names}} {{.Label "janus.backup.drill"}}'
    listing = f"docker ps --filter label=janus.backup.drill --format '{form}'"
    return dict(line.split() for line in host.check_output(listing).splitlines())


def said(host: Host, unit: str, text: str) -> bool:
    """Tell whether the last run of a unit said something."""
    run = drills.state(host, unit, "InvocationID")
    return bool(run) and text in journal.read(host, f"_SYSTEMD_INVOCATION_ID={run}")


def test_two_drills_at_once_do_not_meet_and_are_limited(drill_host: Host) -> None:
    known = len(drills.reports(drill_host))
    first, second = (drills.unit(archive) for archive in ("oldest", "oldest@:redis"))
    start(drill_host, "oldest")
    held = drills.wait_for("a container of it", lambda: next(iter(containers(drill_host)), None))
    # Paused, it stands there until all of the second drill is over, however fast this host is.
    drill_host.check_output(f"docker pause {held}")
    start(drill_host, "oldest@:redis")
    drills.wait_for("the second to end", functools.partial(drills.ended, drill_host, second))
    assert drills.state(drill_host, second, "ExecMainStatus") == "0"
    inspected = json.loads(drill_host.check_output(f"docker inspect {held}"))[0]
    limits = [inspected["HostConfig"][key] for key in ("Memory", "NanoCpus", "PidsLimit")]
    assert limits == [2**30, 1_500_000_000, 500]
    assert list(inspected["NetworkSettings"]["Networks"]) == [containers(drill_host)[held]]
    drill_host.check_output(f"docker unpause {held}")
    drills.wait_for("the first to end", functools.partial(drills.ended, drill_host, first))
    assert drills.state(drill_host, first, "ExecMainStatus") == "0"
    redis, whole = drills.reports(drill_host)[known:]
    assert (list(redis["services"]), len(whole["services"])) == (["redis"], 2)
    assert redis["verdict"] == whole["verdict"] == "proven"
    assert drills.leftovers(drill_host) == ""


# What shows that a phase has begun.
PHASES: dict[str, Callable[[Host, str], bool]] = {
    "extract": lambda host, _unit: (
        host.run("ls -d /var/lib/janus-backup/drill/*/archive/*").rc == 0
    ),
    "build": lambda host, _unit: bool(
        host.check_output("docker volume ls -q -f label=janus.backup.drill")
    ),
    "restore": lambda host, unit: said(host, unit, "included: janus.backup.service"),
    "compare": lambda host, unit: said(host, unit, "TASK [Compare the data"),
}


@pytest.mark.parametrize("phase", PHASES)
def test_a_drill_killed_at_any_phase_is_reported_and_leaves_nothing(
    drill_host: Host, node: Host, phase: str
) -> None:
    unit = start(drill_host, "oldest@:redis")
    drills.wait_for(phase, lambda: PHASES[phase](drill_host, unit))
    drill_host.check_output(f"systemctl kill --signal=KILL --kill-whom=all '{unit}'")
    drills.wait_for("the unit to end", lambda: drills.ended(drill_host, unit))
    assert drills.leftovers(drill_host) == ""
    report = drills.reports(drill_host)[-1]
    assert report["verdict"] == "not run"
    assert report["error"] == "the drill was broken off before it could report"
    assert drills.pings(drill_host)[-1] == "12"
    # Whoever finds a lock taken looks again after a minute only.
    drills.wait_for("its borg on the node", lambda: node.run("pgrep -f '[b]org serve'").rc != 0)


def test_a_killed_drill_takes_nothing_from_one_that_lives(drill_host: Host) -> None:
    living = start(drill_host, "oldest")
    drills.wait_for("a container of it", lambda: containers(drill_host))
    killed = start(drill_host, "oldest@:redis")
    drills.wait_for(
        "the other one to begin",
        lambda: drill_host.run("test $(ls /var/lib/janus-backup/drill | wc -l) = 2").rc == 0,
    )
    drill_host.check_output(f"systemctl kill --signal=KILL --kill-whom=all '{killed}'")
    for unit in (killed, living):
        drills.wait_for("it to end", functools.partial(drills.ended, drill_host, unit))
    assert drills.state(drill_host, living, "ExecMainStatus") == "0"
    assert drills.leftovers(drill_host) == ""


@contextlib.contextmanager
def run_in_network(host: Host, image: str, network: str | None) -> Iterator[Callable[[str], int]]:
    """Yield a function that runs a shell command in a container on a network."""
    options = f"--network {network}" if network else ""
    name = host.check_output(
        f"docker run --detach --entrypoint sleep {options} {image} infinity"
    ).strip()
    try:
        yield lambda command: int(host.run(f"docker exec {name} bash -c '{command}'").rc)
    finally:
        host.check_output(f"docker rm --force {name}")


def test_the_network_of_a_drill_leads_nowhere(drill_host: Host, node: Host) -> None:
    image = node.check_output("docker inspect --format '{{.Image}}' janus-postgresql").strip()
    address = node.backend.get_variables()["ansible_host"]
    reach = f'timeout 5 bash -c "</dev/tcp/{address}/22"'
    program = "from ansible_collections.janus.backup.plugins.module_utils import _rebuild as r; "
    drill = "janus-drill-of-a-test"
    drill_host.check_output(f"{PYTHON} -c '{program} r.create_network(\"{drill}\")'")
    try:
        with run_in_network(drill_host, image, drill) as run:
            assert run(reach) != 0
        with run_in_network(drill_host, image, None) as run:  # the control
            assert run(reach) == 0
    finally:
        drill_host.check_output(f"{PYTHON} -c '{program} r.tear_down(\"{drill}\")'")


def test_a_host_that_carries_the_production_stack_is_refused_unless_told(
    play: Any, drill_host: Host, node: Host
) -> None:
    image = node.check_output("docker inspect --format '{{.Image}}' janus-redis").strip()
    drill_host.check_output(f"docker create --name janus-redis --label theirs=1 {image}")
    try:
        output = drills.told(play("restore_drill", expect=2, archive="oldest", services="redis"))
        assert "refusing to drill here: this host has container janus-redis" in output
        told = "sed -i 's/on_production: .*/on_production: {}/' " + drills.DRILL
        drill_host.check_output(told.format("true"))
        play("restore_drill", archive="oldest", services="redis")
        drill_host.check_output(told.format("false"))
        assert (
            drill_host.check_output("docker inspect --format '{{.State.Status}}' janus-redis")
            == "created"
        )
    finally:
        drill_host.check_output("docker rm --force janus-redis")
