# SPDX-License-Identifier: GPL-3.0-or-later
"""What checks tell, and what they must not."""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils import _checks
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

SERVICE: dict[str, Any] = {"runtime": "host", "password_file": None}


def run(answers: dict[str, Any], *checks: dict[str, Any], **service: Any) -> list[Any]:
    def query(_service: Any, _target: Any, text: str) -> Any:
        if isinstance(answers[text], BackupError):
            raise answers[text]
        return answers[text]

    implementation: Any = SimpleNamespace(SMOKE="smoke?", query=query)
    answers.setdefault("smoke?", 1)
    told = _checks.run(implementation, {**SERVICE, **service}, list(checks))
    return [check["error"] for check in told]


def check(expect: Any) -> dict[str, Any]:
    return {"name": "a", "query": "a?", "expect": expect}


@pytest.mark.parametrize("answer", [None, [], {}, ""])
def test_a_smoke_query_without_an_answer_fails(answer: Any) -> None:
    assert run({"smoke?": answer}) == ["there was no answer"]


def test_a_smoke_query_may_answer_nought() -> None:
    assert run({"smoke?": 0}) == [None]


def test_a_check_that_is_refused_fails_with_the_words_of_the_service() -> None:
    assert run({"a?": BackupError("no such table")}, check(1)) == [None, "no such table"]


@pytest.mark.parametrize("value", [None, 0, False, "", [], [1, "a"], {"b": 1, "a": None}, 1.5])
def test_what_is_expected_passes(value: Any) -> None:
    assert run({"a?": value}, check(value)) == [None, None]


@pytest.mark.parametrize(
    ("value", "found"), [(1, "1"), (0, False), (None, ""), ([1], 1), (1, True)]
)
def test_what_is_alike_is_not_the_same(value: Any, found: Any) -> None:
    (_smoke, error) = run({"a?": found}, check(value))
    assert error.startswith("expected ")


def test_nothing_long_is_told() -> None:
    (_smoke, error) = run({"a?": "x" * 5000}, check("y"))
    assert error.startswith('expected "y", found 5002 characters with the SHA-256 ')
    assert len(error) < 200


def test_no_password_is_told(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush-hush\n", encoding="utf-8")
    answers = {"a?": BackupError("cannot log in with hush-hush")}
    errors = run(answers, check(1), password_file=str(tmp_path / "secret"))
    assert errors == [None, "cannot log in with ***"]


@pytest.mark.parametrize(
    ("rows", "value"),
    [
        ([[1]], 1),
        ([[1], [2]], [1, 2]),
        ([], []),
        ([[1, 2]], [[1, 2]]),
        ([[decimal.Decimal("1.50")]], "1.50"),
        ([[datetime.date(2026, 11, 23)]], "2026-11-23"),
        ([[b"\xc3\xa9"]], "é"),
        ([[[b"a", 1]]], ["a", 1]),
    ],
)
def test_rows_become_plain_data(rows: list[Any], value: Any) -> None:
    assert _checks.plain(rows) == value
