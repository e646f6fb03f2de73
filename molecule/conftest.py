# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of all scenarios share: the hosts, playbooks, and archives with planted faults."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import testinfra
import yaml
from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[1]
SCENARIO = os.environ["MOLECULE_SCENARIO_NAME"]
INVENTORY = ROOT / "build/beds" / SCENARIO / "inventory.yml"
DECLARED = yaml.safe_load((ROOT / "molecule" / SCENARIO / "molecule.yml").read_text("utf-8"))
ENVIRONMENT = {
    **os.environ,
    **DECLARED.get("provisioner", {}).get("env", {}),
    "JANUS_PROJECT": str(ROOT),
    "ANSIBLE_NOCOLOR": "1",
}
OWN_INVENTORY = ROOT / "molecule" / SCENARIO / "inventory"
INVENTORIES = [INVENTORY, ROOT / "inventories/demo"]
INVENTORIES += [OWN_INVENTORY] if OWN_INVENTORY.is_dir() else []
PYTHON = (
    "PATH=/opt/janus-backup/venv/bin:$PATH PYTHONPATH=/opt/janus-backup/collections "
    "/opt/janus-backup/venv/bin/python"
)


class Played(subprocess.CompletedProcess[str]):
    """What came of a playbook."""

    @property
    def said(self) -> str:
        """All that it said, on either stream, in one line and without colours."""
        return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", self.stdout + self.stderr).split())


Play = Callable[..., Played]


def pytest_report_header() -> str:
    """Say which bed the tests talk to."""
    return f"bed: {SCENARIO}"


def _host(name: str) -> Host:
    return testinfra.get_host(f"ansible://{name}?ansible_inventory={INVENTORY}")


@pytest.fixture(scope="session")
def node() -> Host:
    """The node that is backed up."""
    return _host("janus1")


@pytest.fixture(scope="session")
def drill_host() -> Host:
    """The host on which drills rebuild the stack."""
    return _host("drill1")


@pytest.fixture(scope="session")
def play(tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Return a function that runs a playbook, one of the collection by its name or another by its
    path, and returns what came of it.
    """
    logs = tmp_path_factory.mktemp("logs")

    def run(name: str, *arguments: str, expect: int | None = 0, **variables: Any) -> Played:
        playbook = name if "/" in name else f"janus.backup.{name}"
        command = ["ansible-playbook", playbook, *arguments]
        for inventory in INVENTORIES:
            command += ["--inventory", str(inventory)]
        command += ["--extra-vars", json.dumps({"reports": str(logs / "reports"), **variables})]
        done = subprocess.run(
            command,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            env=ENVIRONMENT,
        )
        if expect is not None and (done.returncode == 0) != (expect == 0):
            pytest.fail(
                f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        return Played(done.args, done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def latest_report(drill_host: Host) -> Callable[[], dict[str, Any]]:
    """Return a function that reads the newest drill report from the drill host."""

    def read() -> dict[str, Any]:
        newest = drill_host.check_output("ls -t /var/lib/janus-backup/drills/*.json | head -1")
        report: dict[str, Any] = json.loads(drill_host.file(newest.strip()).content_string)
        return report

    return read


@pytest.fixture(scope="module")
def plant(node: Host) -> Callable[..., str]:
    """Return a function that makes an archive with a planted fault and returns its name."""
    tool = (ROOT / "molecule/shared/plant.py").read_text(encoding="utf-8")

    def make(fault: str, *arguments: str) -> str:
        quoted = " ".join(f"'{argument}'" for argument in arguments)
        command = f"{PYTHON} - {fault} {quoted} <<'PROGRAM'\n{tool}\nPROGRAM"
        done = node.run(command)
        if done.rc != 0:
            pytest.fail(f"cannot plant {fault}: {done.stderr}")
        return str(done.stdout).splitlines()[-1]

    return make
