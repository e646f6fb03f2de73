# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the Molecule scenarios: each is one test, its output kept in build/logs/molecule-*.log."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / "build/logs"
SHOWN = 150


def scenarios() -> list[str]:
    """Return the names of all scenarios, or of the one that SCENARIO in the environment names."""
    if wanted := os.environ.get("SCENARIO"):
        return [wanted]
    return sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))


def test_there_are_scenarios() -> None:
    assert scenarios(), "no molecule/*/molecule.yml: nothing would have been tested"


@pytest.mark.parametrize("scenario", scenarios())
def test_scenario_passes(scenario: str) -> None:
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"molecule-{scenario}.log"
    command = ["molecule", "test", "--no-command-borders", "--scenario-name", scenario]
    with log.open("w", encoding="utf-8") as sink:
        done = subprocess.run(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            check=False,
        )
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    end = "\n".join(lines[-SHOWN:])
    print(end)
    assert done.returncode == 0, f"`{' '.join(command)}` ended with {done.returncode}, see {log}"
