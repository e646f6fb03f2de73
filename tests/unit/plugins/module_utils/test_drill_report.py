# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdicts: what could not be checked is never proven."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils import _drill_report
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

RECORD: dict[str, Any] = {
    "status": "dumped",
    "type": "postgresql",
    "consistency": {"kind": "snapshot"},
    "artefacts": [{"size": 5}],
    "checksums": {"table a": {"rows": 1}},
    "container": {"name": "janus-postgresql"},
}
EQUAL: dict[str, Any] = {"error": None, "differences": [], "objects": 1, "seconds": {}}


def test_equal_checksums_are_proven() -> None:
    assert _drill_report.of_service(RECORD, EQUAL)["verdict"] == "proven"


@pytest.mark.parametrize(
    ("record", "result", "verdict"),
    [
        (RECORD, {**EQUAL, "differences": ["table a: missing"]}, "failed"),
        (RECORD, {**EQUAL, "error": "no image"}, "failed"),
        (RECORD, {**EQUAL, "differences": None}, "failed"),
        (RECORD, None, "not run"),
        ({**RECORD, "checksums": {}}, EQUAL, "restored"),
        ({**RECORD, "consistency": {"kind": "fuzzy", "reason": "writers"}}, EQUAL, "restored"),
        ({"status": "failed", "error": "gone"}, None, "not run"),
        ({key: RECORD[key] for key in RECORD if key != "container"}, EQUAL, "not run"),
        (RECORD, {**EQUAL, "blocked": "redis, on which it depends, was not restored"}, "not run"),
        (RECORD, {**EQUAL, "checks": [{"name": "a", "error": "expected 1, found 2"}]}, "failed"),
        ({**RECORD, "checks": [{"name": "a"}]}, EQUAL, "failed"),
        (
            {**RECORD, "checks": [{"name": "a"}]},
            {**EQUAL, "checks": [{"name": "a", "error": None}]},
            "proven",
        ),
    ],
)
def test_anything_less_is_not(
    record: dict[str, Any], result: dict[str, Any] | None, verdict: str
) -> None:
    assert _drill_report.of_service(record, result)["verdict"] == verdict


@pytest.mark.parametrize(
    ("verdicts", "error", "overall"),
    [
        (["proven", "proven"], None, "proven"),
        (["proven", "restored"], None, "restored"),
        (["proven", "not run"], None, "not run"),
        (["restored", "failed"], None, "failed"),
        (["proven"], "the passphrase is wrong", "failed"),
        ([], None, "not run"),
    ],
)
def test_a_drill_is_as_good_as_its_worst_service(
    verdicts: list[str], error: str | None, overall: str
) -> None:
    services = {str(number): {"verdict": verdict} for number, verdict in enumerate(verdicts)}
    assert _drill_report.overall(services, error) == overall


def test_the_sentences_name_service_and_object() -> None:
    evidence = _drill_report.of_service(RECORD, {**EQUAL, "differences": ["table a: missing"]})
    assert _drill_report.sentences({"postgresql": evidence}, None) == [
        "postgresql: table a: missing"
    ]


def test_what_ran_in_no_container_is_proven_in_the_one_that_was_declared_for_it() -> None:
    record = {key: RECORD[key] for key in RECORD if key != "container"}
    record["rebuild"] = {"name": "postgresql"}
    assert _drill_report.of_service(record, EQUAL)["verdict"] == "proven"


def test_what_can_be_put_below_any_directory_needs_no_container() -> None:
    record = {key: RECORD[key] for key in RECORD if key != "container"} | {"below_root": True}
    assert _drill_report.of_service(record, EQUAL)["verdict"] == "proven"


def test_a_check_that_failed_or_never_ran_is_named() -> None:
    record = {**RECORD, "checks": [{"name": "one"}, {"name": "two"}]}
    result = {**EQUAL, "checks": [{"name": "one", "error": "expected 1, found 2"}]}
    error = _drill_report.of_service(record, result)["error"]
    assert error == "check one: expected 1, found 2; check two: it did not run"


@pytest.mark.parametrize(
    ("duration", "seconds"), [("", None), ("90", 90), ("5m", 300), ("4h", 14400), ("2d", 172800)]
)
def test_durations_are_seconds(duration: str, seconds: int | None) -> None:
    assert _drill_report.seconds_of(duration) == seconds


@pytest.mark.parametrize("duration", ["4 h", "h", "-1", "1.5h", "soon"])
def test_what_is_no_duration_is_said(duration: str) -> None:
    with pytest.raises(BackupError, match="is no duration"):
        _drill_report.seconds_of(duration)


@pytest.mark.parametrize(
    ("measured", "limit", "missed"),
    [(5.0, 5, False), (5.1, 5, True), (5.0, None, False), (None, None, False), (None, 5, True)],
)
def test_a_target_that_was_not_measured_is_missed(
    measured: float | None, limit: int | None, missed: bool
) -> None:
    assert bool(_drill_report.target("it", measured, limit)["missed"]) is missed
