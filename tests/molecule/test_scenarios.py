# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the Molecule scenarios: each is one test, its output shown as it comes and kept in a log."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / "build/logs"


def scenarios() -> list[str]:
    """Return the names of all scenarios, or of the one that SCENARIO in the environment names."""
    if wanted := os.environ.get("SCENARIO"):
        return [wanted]
    return sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))


def test_there_are_scenarios() -> None:
    assert scenarios(), "no molecule/*/molecule.yml: nothing would have been tested"


@pytest.mark.parametrize("scenario", scenarios())
def test_scenario_passes(scenario: str) -> None:
    log = LOGS / f"molecule-{scenario}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = ["molecule", "test", "--no-command-borders", "--scenario-name", scenario]
    with log.open("w", encoding="utf-8") as sink:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert process.stdout is not None
        for line in process.stdout:
            sink.write(line)
            sys.stdout.write(line)
            sys.stdout.flush()
        code = process.wait()
    assert code == 0, f"`{' '.join(command)}` ended with {code}, see {log}"
