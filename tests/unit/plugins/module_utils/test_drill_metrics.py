# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics, and the alarm when no drill was proven for long."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils import (
    _drill_age,
    _drill_history,
    _drill_metrics,
)

PROVEN = 1_795_402_800  # 2026-11-23T03:00:00Z


def report(verdict: str, finished: str = "2026-11-23T03:00:00Z", *services: str) -> dict[str, Any]:
    target = {"measured_seconds": 12.5, "target_seconds": None, "missed": None}
    return {
        "drill": "janus-drill-x",
        "finished": finished,
        "verdict": verdict,
        "wanted": {"services": list(services)},
        "services": {"redis": {"verdict": verdict}},
        "rto": target,
        "rpo": {**target, "target_seconds": 60},
    }


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "metrics").mkdir()
    return {
        "state": str(tmp_path),
        "max_age": "100d",
        "metrics_directory": str(tmp_path / "metrics"),
        "allowed_signers_file": None,
    }


def test_a_drill_of_some_services_only_is_not_the_last_proven_one() -> None:
    partly = report("proven", "2026-11-24T03:00:00Z", "redis")
    assert _drill_metrics.last_proven([report("proven"), partly, report("failed")]) == PROVEN
    assert _drill_metrics.last_proven([partly]) == 0


def test_the_metrics_tell_of_the_last_drill() -> None:
    lines = _drill_metrics.text([report("proven"), report("failed")], 60).splitlines()
    assert f"janus_backup_drill_last_proven_timestamp_seconds {PROVEN}.0" in lines
    assert 'janus_backup_drill_last_verdict{verdict="failed"} 1' in lines
    assert 'janus_backup_drill_last_verdict{verdict="proven"} 0' in lines
    assert 'janus_backup_drill_service_proven{service="redis"} 0' in lines
    assert "janus_backup_drill_rto_seconds 12.5" in lines
    assert "janus_backup_drill_rpo_target_seconds 60" in lines
    assert "janus_backup_drill_max_age_seconds 60" in lines
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))


def test_before_the_first_drill_there_are_metrics_too(settings: dict[str, Any]) -> None:
    alarm = _drill_age.alarms(settings, PROVEN)
    assert alarm == ["no drill of all services was ever proven"]
    path = Path(settings["metrics_directory"]) / _drill_metrics.NAME
    assert "last_proven_timestamp_seconds 0" in path.read_text(encoding="utf-8")
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(("days", "alarms"), [(99, 0), (101, 1)])
def test_a_proven_drill_that_is_too_old_alarms(
    settings: dict[str, Any], days: int, alarms: int
) -> None:
    _drill_history.append(Path(settings["state"]) / "drills", report("proven"), None)
    found = _drill_age.alarms(settings, PROVEN + days * 86400)
    assert len(found) == alarms
    assert all("2026-11-23T03:00:00Z" in sentence for sentence in found)
    assert _drill_age.alarms({**settings, "max_age": ""}, PROVEN + days * 86400) == []


def test_an_edited_history_alarms(settings: dict[str, Any]) -> None:
    path = _drill_history.append(Path(settings["state"]) / "drills", report("failed"), None)
    path.write_text(path.read_text(encoding="utf-8").replace("failed", "proven"), encoding="utf-8")
    assert _drill_age.alarms(settings, PROVEN) == ["report 000001 was edited"]


def test_a_directory_that_cannot_be_written_fails_nothing(
    settings: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    _drill_metrics.write({**settings, "metrics_directory": "/nowhere"}, [])
    assert "cannot write metrics" in capsys.readouterr().err
