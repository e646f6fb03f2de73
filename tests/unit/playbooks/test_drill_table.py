# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill's playbook prints, beside the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import pytest

TEMPLATE = Path(__file__).resolve().parents[3] / "playbooks/templates/drill_table.j2"


def table(**seconds: float) -> str:
    service = {
        "verdict": "proven",
        "bytes": 12_340_000,
        "objects_compared": 7,
        "objects_expected": 7,
        "differences": [],
        "checks": [{"error": None}],
        "seconds": seconds,
    }
    report: dict[str, Any] = {
        "drill": "janus-drill-1",
        "verdict": "proven",
        "archive": {},
        "source": {},
        "services": {"redis": service},
        "rto": {"measured_seconds": 9.0, "target_seconds": None},
        "rpo": {"measured_seconds": None, "target_seconds": 60},
        "signer": None,
        "sentences": [],
        "warnings": ["the kit is old"],
    }
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, autoescape=False
    )
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(report=report)


@pytest.mark.parametrize(
    ("seconds", "columns"),
    [
        (
            {"build": 1.0, "restore": 2.5, "tool": 1.5, "verify": 0.25},
            ["1.0 s", "2.5 s", "1.5 s", "0.2 s", "3.8 s"],
        ),
        ({"restore": 2.5, "verify": 0.5}, ["-", "2.5 s", "-", "0.5 s", "3.0 s"]),
        ({}, ["-", "-", "-", "-", "0.0 s"]),
    ],
)
def test_each_service_has_its_times_side_by_side(
    seconds: dict[str, float], columns: list[str]
) -> None:
    heading, row = (line.split("  ") for line in table(**seconds).splitlines()[1:3])
    assert [word.strip() for word in heading if word][-5:] == [
        "build",
        "restore",
        "by hand",
        "verify",
        "in all",
    ]
    assert [word.strip() for word in row if word][-5:] == columns


def test_warnings_are_shown() -> None:
    assert "WARNING: the kit is old" in table()
