# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the history of drills says, as metrics in a file that node_exporter's collector reads."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _drill_report
from ansible_collections.janus.backup.plugins.module_utils._files import write_atomically

NAME = "janus_backup_drill.prom"
_VERDICTS = (
    _drill_report.PROVEN,
    _drill_report.RESTORED,
    _drill_report.FAILED,
    _drill_report.NOT_RUN,
)


def last_proven(reports: list[dict[str, Any]]) -> float:
    """Given the reports of a history, return when a drill of all services was proven last, in
    seconds since 1970; 0 if never.
    """
    proven = [
        report["finished"]
        for report in reports
        if report["verdict"] == _drill_report.PROVEN and not report["wanted"]["services"]
    ]
    return _moment(proven[-1]) if proven else 0


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def text(reports: list[dict[str, Any]], max_age: int | None) -> str:
    """Given the reports of a history and the age that the last proven one may have, return the
    metrics.
    """
    lines: list[str] = []

    def add(name: str, what: str, values: dict[str, float | None]) -> None:
        lines.extend([f"# HELP {name} {what}", f"# TYPE {name} gauge"])
        lines.extend(
            f"{name}{labels} {value!r}" for labels, value in values.items() if value is not None
        )

    start = "janus_backup_drill"
    add(
        f"{start}_last_proven_timestamp_seconds",
        "When a drill of all services was proven last, 0 if never.",
        {"": last_proven(reports)},
    )
    add(
        f"{start}_max_age_seconds",
        "How long ago the last proven drill may be.",
        {"": max_age},
    )
    add(f"{start}_reports", "Number of reports in the history.", {"": len(reports)})
    if reports:
        last = reports[-1]
        add(
            f"{start}_last_timestamp_seconds",
            "When the last drill ended, whatever its verdict.",
            {"": _moment(last["finished"])},
        )
        add(
            f"{start}_last_verdict",
            "1 for the verdict of the last drill.",
            {f'{{verdict="{name}"}}': int(last["verdict"] == name) for name in _VERDICTS},
        )
        add(
            f"{start}_service_proven",
            "1 for each service that the last drill proved.",
            {
                f'{{service="{name}"}}': int(service["verdict"] == _drill_report.PROVEN)
                for name, service in last["services"].items()
            },
        )
        for key, what in (
            ("rto", "Seconds that the last drill took to restore and compare everything."),
            ("rpo", "Age of the newest complete archive when the last drill began, in seconds."),
        ):
            add(f"{start}_{key}_seconds", what, {"": last[key]["measured_seconds"]})
            add(f"{start}_{key}_target_seconds", "Its target.", {"": last[key]["target_seconds"]})
    return "\n".join(lines) + "\n"


def write(settings: dict[str, Any], reports: list[dict[str, Any]]) -> None:
    """Given the settings and the reports of the history, write the metrics where the settings want
    them. A directory that cannot be written is said on stderr and fails nothing.
    """
    if not settings["metrics_directory"]:
        return
    max_age = _drill_report.seconds_of(settings["max_age"])
    path = Path(settings["metrics_directory"]) / NAME
    try:
        write_atomically(path, text(reports, max_age), mode=0o644)
    except OSError as error:
        sys.stderr.write(f"cannot write metrics: {error}\n")
