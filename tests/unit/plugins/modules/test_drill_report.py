# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole report, from the first that a drill can leave to a proven one, as its schema has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ansible_collections.janus.backup.plugins.module_utils import (
    _drill_history,
    _drill_report,
    _manifest,
)
from ansible_collections.janus.backup.plugins.modules import drill_report

ROOT = Path(__file__).resolve().parents[4]
SCHEMA = json.loads((ROOT / "docs/drill-report.schema.json").read_text(encoding="utf-8"))
START = 1_795_402_800.0  # 2026-11-23T03:00:00Z
FOUND = {"error": None, "differences": [], "objects": 1, "checks": [], "seconds": {"build": 1.0}}


@pytest.fixture
def parameters(tmp_path: Path) -> dict[str, Any]:
    record = {
        "status": "dumped",
        "type": "postgresql",
        "consistency": {"kind": "snapshot"},
        "checksums": {"table a": {"rows": 1}},
        "container": {"name": "a"},
    }
    run = {"id": "1", "job": "nightly", "node": "janus1", "status": "complete"}
    services = {"a": record, "b": {**record, "after": ["a"]}}
    manifest = {"format_version": 1, "run": run, "services": services}
    _manifest.seal(tmp_path / _manifest.NAME, manifest)
    archive = {"name": "n", "id": "i", "start": "2026-11-01T03:00:00.000000"}
    return {
        "drill": "janus-drill-20261123-030000-0a1b",
        "host": "drill1",
        "started": START,
        "wanted": {"archive": "random", "source": None, "services": []},
        "source": {"name": "node", "repository": "/r"},
        "archive": {**archive, "newest": {"name": "m", "start": "2026-11-23T02:00:00.000000"}},
        "seconds": {"fetch": 0.0, "extract": 2.0},
        "path_extracted": str(tmp_path),
        "error": None,
        "results": {"a": FOUND, "b": FOUND},
        "rto": "",
        "rpo": "",
        "targets_fail": False,
        "warnings": [],
        "collection_version": "0.1.0",
    }


def compose(parameters: dict[str, Any], **changes: Any) -> dict[str, Any]:
    report: dict[str, Any] = drill_report.compose({**parameters, **changes}, START + 60)
    return report


def test_every_report_is_as_the_schema_has_it(tmp_path: Path, parameters: dict[str, Any]) -> None:
    wanted = parameters["wanted"]
    reports = [
        compose(parameters),
        compose(parameters, results={}),
        compose(parameters, path_extracted=None, archive={}, source={}, error="no network"),
        _drill_report.broken_off(parameters["drill"], "drill1", START, wanted),
    ]
    for report in reports:
        path = _drill_history.append(tmp_path / "drills", report, None)
        jsonschema.validate(json.loads(path.read_text(encoding="utf-8")), SCHEMA)
    assert [report["verdict"] for report in reports] == ["proven", "not run", "failed", "not run"]


def test_what_was_measured_is_told(parameters: dict[str, Any]) -> None:
    report = compose(parameters)
    assert report["rto"] == {"measured_seconds": 60, "target_seconds": None, "missed": None}
    # Of the newest archive: a random one is old without anything being wrong.
    assert report["rpo"]["measured_seconds"] == 3600
    assert report["data_age_seconds"] == 22 * 86400
    assert report["seconds"] == {"fetch": 0.0, "extract": 2.0, "total": 60}


def test_a_missed_target_is_a_warning_and_when_told_a_failure(parameters: dict[str, Any]) -> None:
    missed = ["the age of the newest complete archive is 3600 s; the target is 1800 s"]
    warned = compose(parameters, rto="1m", rpo="30m")
    assert (warned["verdict"], warned["warnings"]) == ("proven", missed)
    told = compose(parameters, rpo="30m", warnings=["the kit is old"])
    assert (told["verdict"], told["warnings"]) == ("proven", ["the kit is old", *missed])
    failed = compose(parameters, rpo="30m", targets_fail=True)
    assert (failed["verdict"], failed["error"]) == ("failed", missed[0])


def test_without_all_services_back_there_is_no_time_to_restore(parameters: dict[str, Any]) -> None:
    report = compose(parameters, results={"a": FOUND}, rto="1h")
    assert report["rto"]["measured_seconds"] is None
    assert report["warnings"] == ["the time to restore could not be measured; the target is 3600 s"]


def test_only_what_was_asked_for_is_judged(parameters: dict[str, Any]) -> None:
    wanted = {**parameters["wanted"], "services": ["a"]}
    report = compose(parameters, wanted=wanted, results={"a": FOUND})
    assert list(report["services"]) == ["a"]
    assert report["verdict"] == "proven"


def test_an_unreadable_manifest_fails(parameters: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / _manifest.NAME).write_text("{}", encoding="utf-8")
    report = compose(parameters)
    assert report["verdict"] == "failed"
    assert "cannot be read" in report["error"]
