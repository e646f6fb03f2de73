# SPDX-License-Identifier: GPL-3.0-or-later
"""The bed of whole runs: a node with all services and a drill host, what an operator runs there,
and the same by hand.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from . import PROJECT, bulk, tools
from .figures import timed
from .stack import DECLARATION, SIZES, Size

BED = "bench"
HOST = f"janus-{BED}-janus1"
BY_HAND = Path(__file__).parent / "by_hand"
FOLDER = PROJECT / "build" / "beds" / BED
LOGS = PROJECT / "build" / "benchmarks" / "log"
REPORTS = PROJECT / "build" / "benchmarks" / "reports"
UNIT = "janus-backup-{}.service"
PACKAGES = "400"
# The steps of a run, and the words in its journal with which each begins.
STEPS = (
    ("start of borgmatic, clean-up, start of Ansible", "Starting janus-backup-"),
    ("dumps, beside each other", "PLAY [Dump the services]"),
    ("manifest", "PLAY [End the run]"),
    ("borg create", "Creating archive"),
    ("manifest read back, archive renamed", "Running after create action command hook"),
    ("prune, compact, check", "Pruning archives"),
    ("prune of partial archives, clean-up, status", "Running after create configuration command"),
    ("", "Finished janus-backup-"),
)


@dataclass(frozen=True)
class Remote:
    """A service of the node, as far as its data is to be changed from here."""

    type: str
    address: str
    password: str


def node(*command: str, stdin: str = "", **environment: str) -> str:
    """Run a command on the node. Raise RuntimeError with its last words."""
    variables = [f"--env={name}={value}" for name, value in environment.items()]
    return tools.run(["docker", "exec", "-i", *variables, HOST, *command], stdin=stdin)


@dataclass(frozen=True)
class Said:
    """What a playbook said, and which of its tasks took longest."""

    text: str
    slowest: dict[str, float]


def playbook(name: str, log: str, *arguments: str, **environment: str) -> Said:
    """Run a playbook against the bed and return what it said. Raise RuntimeError if it fails."""
    LOGS.mkdir(parents=True, exist_ok=True)
    inventories = [f"--inventory={FOLDER}/inventory.yml", f"--inventory={PROJECT}/inventories/demo"]
    settings = {
        "JANUS_PROJECT": str(PROJECT),
        "JANUS_PACKAGES": PACKAGES,
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "1",
        **environment,
    }
    path, said, moments = LOGS / f"{log}.log", [], []
    reports = f"--extra-vars=reports={REPORTS}"
    with subprocess.Popen(
        ["ansible-playbook", *inventories, reports, *arguments, name],
        cwd=PROJECT,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout
        for line in process.stdout:
            said.append(line)
            moments.append(time.monotonic())
    path.write_text("".join(said), encoding="utf-8")
    if process.returncode != 0:
        raise RuntimeError(f"{name} failed, see {path}")
    return Said("".join(said), slowest(said, moments))


def slowest(lines: Sequence[str], moments: Sequence[float], count: int = 8) -> dict[str, float]:
    """Given a playbook's lines and when each was printed, return the tasks that took longest.

    What a task prints comes with its end, and its name before: it lasts until the next name.
    """
    begun = [
        (line[6:].rstrip(" *\n").rstrip("]"), moment)
        for line, moment in zip(lines, moments, strict=True)
        if line.startswith(("TASK [", "PLAY RECAP"))
    ]
    took: dict[str, float] = {}
    for (name, moment), (_next, end) in itertools.pairwise(begun):
        took[name] = took.get(name, 0) + end - moment
    ordered = sorted(took.items(), key=lambda item: -item[1])
    return {name: round(seconds, 1) for name, seconds in ordered[:count]}


def services() -> list[dict[str, Any]]:
    """Return the services of the demo's declaration, or those that JANUS_SERVICES names."""
    declared = yaml.safe_load(DECLARATION.read_text(encoding="utf-8"))["stack_services"]
    wanted = os.environ.get("JANUS_SERVICES", "")
    return [entry for entry in declared if not wanted or entry["name"] in wanted.split(",")]


def passwords() -> dict[str, str]:
    """Return the passwords of the demo's services."""
    found: dict[str, str] = yaml.safe_load(DECLARATION.read_text(encoding="utf-8"))[
        "stack_passwords"
    ]
    return found


class Night:
    """A node with all services of a size, and the ways to back it up."""

    def __init__(self, size: str) -> None:
        self.size: Size = SIZES[size]
        self.types = [service["type"] for service in services()]
        self.by_hand_seconds: dict[str, list[float]] = {}
        self.day = 1

    def down(self) -> None:
        """Remove the hosts, and what is here of them: a new drill host has a new history."""
        testbed = [sys.executable, "molecule/testbed.py", "down", BED]
        subprocess.run(testbed, cwd=PROJECT, check=False, stdout=subprocess.DEVNULL)
        shutil.rmtree(REPORTS, ignore_errors=True)

    def up(self) -> None:
        """Bring the hosts up, run the services and fill them."""
        images = [name for name in self.types if self._has_image(name)]
        testbed = [sys.executable, "molecule/testbed.py", "up", BED]
        hosts = [f"janus1:{','.join(sorted(images))}", "drill1"]
        subprocess.run([*testbed, *hosts], cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
        playbook("molecule/shared/stack.yml", "stack", JANUS_SCALE=str(self.size.scale))
        for service in self._remotes():
            if service.type in self.size.bulk:
                bulk.fill(service, self.size.bulk[service.type])

    def _has_image(self, service_type: str) -> bool:
        return (PROJECT / "molecule" / "images" / service_type).is_dir()

    def _remotes(self) -> list[Remote]:
        inventory = yaml.safe_load((FOLDER / "inventory.yml").read_text(encoding="utf-8"))
        address = inventory["all"]["hosts"]["janus1"]["ansible_host"]
        known = passwords()
        return [Remote(name, address, known.get(name, "")) for name in self.types]

    def change(self) -> None:
        """Let a day go by."""
        self.day += 1
        for service in self._remotes():
            bulk.change(service, self.day)

    def product(self, job: str = "nightly") -> float:
        """Run a job's unit to its end and return the seconds."""
        return timed(lambda: node("systemctl", "start", UNIT.format(job)))

    def dumps(self, forks: int) -> float:
        """Dump all services as the nightly job does, so many at once, and return the seconds."""
        job = "/etc/janus-backup/jobs/nightly.yml"
        cleanup = f"python -m ansible_collections.janus.backup.plugins.module_utils._cleanup {job}"
        command = (
            "export PATH=/opt/janus-backup/venv/bin:$PATH"
            " PYTHONPATH=/opt/janus-backup/collections ANSIBLE_CONFIG=/opt/janus-backup/ansible.cfg"
            f" && {cleanup} --prepare"
            f" && ansible-playbook janus.backup.dump --forks {forks} -e @{job} && {cleanup}"
        )
        return timed(lambda: node("bash", "-euc", command))

    def by_hand(self, types: Sequence[str]) -> float:
        """Do the same by hand and return the seconds."""
        defaults = yaml.safe_load(
            (PROJECT / "roles" / "borgmatic" / "defaults" / "main.yml").read_text(encoding="utf-8")
        )
        environment = {f"{key.upper()}_PASSWORD": value for key, value in passwords().items()}
        script = (BY_HAND / "backup.sh").read_text(encoding="utf-8")
        began = time.monotonic()
        said = node(
            *("bash", "-s", "--", *types),
            stdin=script,
            CHUNKER=defaults["janus_backup_chunker_params"],
            COMPRESSION=defaults["janus_backup_compression"],
            **environment,
        )
        seconds = time.monotonic() - began
        for name, value in re.findall(r"^(\w+) ([\d.]+)$", said, re.M):
            self.by_hand_seconds.setdefault(name, []).append(float(value))
        return seconds

    def memory(self) -> dict[str, int]:
        """Run the nightly job under observation and return the peak of each process in MB."""
        node("mkdir", "-p", "/var/lib/by-hand")
        program = (BY_HAND / "memory.py").read_text(encoding="utf-8")
        node("tee", "/var/lib/by-hand/memory.py", stdin=program)
        watching = subprocess.Popen(
            [
                *("docker", "exec", HOST, "/usr/bin/python3", "/var/lib/by-hand/memory.py"),
                UNIT.format("nightly"),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.product()
        said, _ = watching.communicate(timeout=60)
        peaks: dict[str, int] = json.loads(said)
        return peaks

    def status(self) -> dict[str, Any]:
        """Return what the node noted of its last run."""
        noted: dict[str, Any] = json.loads(node("cat", "/var/lib/janus-backup/status/nightly.json"))
        return noted

    def steps(self) -> dict[str, float]:
        """Return the seconds of each step of the last nightly run, from the node's journal."""
        node("journalctl", "--sync")
        fields = ("--output=json", "--output-fields=MESSAGE", "--lines=1000")
        said = node("journalctl", f"--unit={UNIT.format('nightly')}", *fields)
        entries = [json.loads(line) for line in said.splitlines()]
        return steps(
            [(int(entry["__REALTIME_TIMESTAMP"]) / 1e6, entry["MESSAGE"]) for entry in entries]
        )

    def drilled(self) -> dict[str, dict[str, float]]:
        """Return the seconds that the last drill reports: its own under "", and those of each
        service by name.
        """
        found = [json.loads(path.read_text(encoding="utf-8")) for path in REPORTS.rglob("*.json")]
        report = max(
            (each for each in found if "verdict" in each), key=lambda each: str(each["started"])
        )
        parts = {name: service["seconds"] for name, service in report["services"].items()}
        return {"": report["seconds"], **parts}

    def restore_by_hand(self) -> dict[str, float]:
        """Extract the last archive by hand and restore its large services; return the seconds."""
        script = (BY_HAND / "restore.sh").read_text(encoding="utf-8")
        large = [name for name in ("postgresql", "neo4j") if name in self.types]
        said = node("bash", "-s", "--", *large, stdin=script)
        return {name: float(value) for name, value in re.findall(r"^(\w+) ([\d.]+)$", said, re.M)}


def steps(lines: Sequence[tuple[float, str]]) -> dict[str, float]:
    """Given when each line of a unit's journal was written, return the seconds of each step of its
    last run, in their order. A step lasts until the words that begin the next one.
    """
    starts = [number for number, (_moment, said) in enumerate(lines) if STEPS[0][1] in said] or [0]
    begun: list[tuple[str, float]] = []
    waiting = list(STEPS)
    for moment, said in lines[starts[-1] :]:
        if waiting and waiting[0][1] in said:
            begun.append((waiting.pop(0)[0], moment))
    if waiting:
        raise RuntimeError(f"the journal does not tell when {waiting[0][0]!r} began")
    return {name: round(end - moment, 2) for (name, moment), (_, end) in itertools.pairwise(begun)}


def provision(log: str) -> tuple[float, int, dict[str, float]]:
    """Run site.yml; return its seconds, how many tasks changed something, and the slowest."""
    began = time.monotonic()
    said = playbook("janus.backup.site", log)
    seconds = time.monotonic() - began
    changed = sum(int(number) for number in re.findall(r"changed=(\d+)", said.text))
    return seconds, changed, said.slowest
