# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills as tests look at them: what a drill host tells, and what a job declares for its drills."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host

from .command import PROJECT

JOB = "/etc/janus-backup/jobs/nightly.yml"
DRILL = "/etc/janus-backup/drill.yml"
DRILLS = "/var/lib/janus-backup/drills"
METRICS = "/var/lib/node-exporter/janus_backup_drill.prom"
PINGS = "/tmp/pings"
SECRET = "hush-hush-check"


# What a drill has to do with the services, beyond the inventory: Redis after PostgreSQL, checks.
DECLARED = """
import pathlib, sys, yaml
path = pathlib.Path({job!r})
job = yaml.safe_load(path.read_text())
services = {{service["name"]: service for service in job["janus_backup_job"]["services"]}}
count = "SELECT count(*) FROM debian.never_filled"
services["postgresql"]["checks"] = [
    {{"name": "never_filled", "target": "debian", "query": count, "expect": {expect}}}
]
services["redis"]["after"] = ["postgresql"]
services["redis"]["checks"] = [{{"name": "ping", "query": "PING", "expect": "PONG"}}]
path.write_text(yaml.safe_dump(job))
"""


def wait_for(what: str, condition: Callable[[], Any], seconds: float = 120) -> Any:
    """Return what the condition returns as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s in vain for {what}")
        time.sleep(0.1)
    return found


def told(done: subprocess.CompletedProcess[str]) -> str:
    """Return all that a playbook told, without colours and in one line."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr).split())


def unit(archive: str) -> str:
    """Return the unit that drills an archive."""
    return f"janus-backup-drill@{archive}.service"


def state(host: Host, name: str, key: str = "ActiveState") -> str:
    """Return a property of a unit."""
    return str(host.check_output(f"systemctl show --property={key} --value '{name}'")).strip()


def ended(host: Host, name: str) -> bool:
    """Tell whether a unit has ended."""
    return state(host, name) in ("inactive", "failed")


def reports(host: Host) -> list[dict[str, Any]]:
    """Return all reports of the history, the oldest first."""
    text = host.check_output(f"for report in {DRILLS}/0*.json; do cat $report; echo ,; done")
    found: list[dict[str, Any]] = json.loads(f"[{text.strip().rstrip(',')}]")
    return found


def pings(host: Host) -> list[str]:
    """Return the signals that the check got."""
    lines = host.check_output(f"cat {PINGS} 2>/dev/null || true").splitlines()
    assert all(line.startswith(f"/{SECRET}/") for line in lines)
    return [line.rpartition("/")[2] for line in lines]


def leftovers(host: Host) -> str:
    """Return what is on the host of any drill: nothing between drills."""
    label = "--quiet --filter label=janus.backup.drill"
    return str(
        host.check_output(
            f"docker ps --all {label}; docker volume ls {label}; docker network ls {label};"
            " docker ps --all --quiet --filter label=janus.backup.job;"
            " ls -d /var/lib/janus-backup/drill /run/janus-backup/janus-drill-* 2>/dev/null || true"
        )
    ).strip()


def declare(node: Host, expect: int) -> None:
    """Declare checks and dependencies in the job's file on the node."""
    program = DECLARED.format(job=JOB, expect=expect)
    node.check_output(f"/opt/janus-backup/venv/bin/python - <<'PROGRAM'\n{program}\nPROGRAM")


def give_golden(host: Host, container: str) -> None:
    """Have the golden repository on a disk of the host, a container, that is mounted read-only."""
    host.check_output("mkdir -p /mnt/disk /srv/disk && umount /mnt/disk 2>/dev/null || true")
    golden = str(PROJECT / "tests/golden/format-1")
    subprocess.run(["docker", "cp", golden, f"{container}:/srv/disk/"], check=True)
    secret = "/etc/janus-backup/golden"
    host.check_output(
        "mount --bind /srv/disk /mnt/disk && mount -o remount,bind,ro /mnt/disk"
        f" && (umask 077 && echo golden-repository-secret > {secret})"
    )
