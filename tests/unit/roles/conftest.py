# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the roles share: plays on made-up hosts of this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]

Play = Callable[
    [Path, dict[str, dict[str, Any]], list[dict[str, Any]]], subprocess.CompletedProcess[str]
]


@pytest.fixture(scope="session")
def play() -> Play:
    """Return the function that runs plays."""
    return run


def run(
    directory: Path, hosts: dict[str, dict[str, Any]], plays: list[dict[str, Any]]
) -> subprocess.CompletedProcess[str]:
    """Given an empty directory, hosts with their variables, and plays, run the plays there."""
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = {"all": {"hosts": hosts, "vars": variables}}
    (directory / "inventory.yml").write_text(json.dumps(inventory), encoding="utf-8")
    (directory / "playbook.yml").write_text(yaml.safe_dump(plays), encoding="utf-8")
    (directory / "ansible.cfg").touch()  # not one of the machine's
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build/collections"),
        "ANSIBLE_CONFIG": str(directory / "ansible.cfg"),
        "ANSIBLE_FORKS": "4",
        "ANSIBLE_HOME": str(directory / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
    }
    return subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            "-vvv",
            "--diff",
            "--inventory",
            str(directory / "inventory.yml"),
            str(directory / "playbook.yml"),
        ],
        env=environment,
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
