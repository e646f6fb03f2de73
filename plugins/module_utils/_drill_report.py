# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evidence of a drill: what was compared, and the verdict. docs/drill.md has the schema.

Verdicts: `proven` (every checksum equal, every check passed), `restored` (restored, but not proven
equal, because the backup's own checksums were fuzzy), `failed`, `not run`. Whatever could not be
checked is never `proven`.
"""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _manifest
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

FORMAT = "janus.backup drill report"
SCHEMA_VERSION = 1
NAME = "report.json"
_NO_CONTAINER = (
    "it ran on the host itself, and no `rebuild` was declared for it: nothing could be proven"
)
PROVEN, RESTORED, FAILED, NOT_RUN = "proven", "restored", "failed", "not run"
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def begun(
    drill: str, host: str, started: float, wanted: dict[str, Any], now: float
) -> dict[str, Any]:
    """Given a drill, return the report of one that found nothing yet; what it finds replaces it."""
    return {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "drill": drill,
        "invocation": os.environ.get("INVOCATION_ID"),
        "host": host,
        "started": iso(started),
        "finished": iso(now),
        "wanted": wanted,
        "source": {},
        "archive": {},
        "run": None,
        "manifest_checksum": None,
        "seconds": {"total": round(now - started, 3)},
        "rto": target("", None, None),
        "rpo": target("", None, None),
        "data_age_seconds": None,
        "tools": {},
        "services": {},
        "error": None,
        "warnings": [],
        "verdict": NOT_RUN,
        "sentences": [],
    }


def broken_off(drill: str, host: str, started: float, wanted: dict[str, Any]) -> dict[str, Any]:
    """Given a drill that was killed, return its report."""
    error = "the drill was broken off before it could report"
    report = begun(drill, host, started, wanted, time.time())
    return {**report, "error": error, "sentences": [error]}


def iso(moment: float) -> str:
    """Given seconds since 1970, return that moment in UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def of_service(record: dict[str, Any], result: dict[str, Any] | None) -> dict[str, Any]:
    """Given a service's record in the manifest and what the drill found, return its evidence.

    result is {error, blocked, differences, objects, checks, seconds: {build, restore, tool,
    verify}}; None when the drill never came to this service. differences is None when they were not
    computed.
    """
    evidence: dict[str, Any] = {
        "type": record.get("type"),
        "consistency": record.get("consistency", {}).get("kind"),
        "after": record.get("after", []),
        "bytes": _manifest.size(record),
        "objects_expected": len(record.get("checksums", {})),
        "objects_compared": 0,
        "differences": [],
        "checks": [],
        "replaced_image": (result or {}).get("replaced_image"),
        "error": None,
        "seconds": {},
    }
    if record["status"] != "dumped":
        return {**evidence, "verdict": NOT_RUN, "error": f"not in this archive: {record['error']}"}
    if _manifest.rebuilt_in(record) is None:
        return {**evidence, "verdict": NOT_RUN, "error": _NO_CONTAINER}
    if result is None:
        return {**evidence, "verdict": NOT_RUN, "error": "the drill did not come to it"}
    evidence["seconds"] = {key: value for key, value in result["seconds"].items() if value}
    if result.get("blocked"):
        return {**evidence, "verdict": NOT_RUN, "error": result["blocked"]}
    if result["error"] or result["differences"] is None:
        error = result["error"] or "its checksums were not compared"
        return {**evidence, "verdict": FAILED, "error": error}
    evidence["objects_compared"] = result["objects"]
    evidence["differences"] = result["differences"]
    evidence["checks"] = result.get("checks", [])
    if error := _unproved(record, evidence["checks"]):
        return {**evidence, "verdict": FAILED, "error": error}
    if evidence["consistency"] == "fuzzy":
        return {**evidence, "verdict": RESTORED, "error": record["consistency"].get("reason")}
    if not evidence["objects_expected"]:
        return {**evidence, "verdict": RESTORED, "error": "the backup recorded no checksums"}
    return {**evidence, "verdict": FAILED if result["differences"] else PROVEN}


def _unproved(record: dict[str, Any], checks: list[dict[str, Any]]) -> str | None:
    """Return which of the archive's own checks failed or never ran, or None."""
    failed = [f"check {check['name']}: {check['error']}" for check in checks if check["error"]]
    asked = {check["name"] for check in checks}
    wanted = [check["name"] for check in record.get("checks", [])]
    failed += [f"check {name}: it did not run" for name in wanted if name not in asked]
    return "; ".join(failed) or None


def seconds_of(duration: str) -> int | None:
    """Given a duration such as 90m, 4h or 2d, return its seconds; None for an empty one.

    Raise BackupError if it is none.
    """
    if not duration:
        return None
    match = re.fullmatch(r"(\d+)([smhdw]?)", duration)
    if not match:
        raise BackupError(f"{duration!r} is no duration such as 90m, 4h or 2d")
    return int(match[1]) * _UNITS[match[2]]


def target(what: str, measured: float | None, limit: int | None) -> dict[str, Any]:
    """Given what was measured and at most how many seconds it may be, return that, and as `missed`
    the sentence that says so if it is more, or could not be measured.
    """
    missed = None
    if limit is not None and measured is None:
        missed = f"{what} could not be measured; the target is {limit} s"
    elif limit is not None and measured is not None and measured > limit:
        missed = f"{what} is {measured:.0f} s; the target is {limit} s"
    seconds = None if measured is None else round(measured, 3)
    return {"measured_seconds": seconds, "target_seconds": limit, "missed": missed}


def overall(services: dict[str, dict[str, Any]], error: str | None) -> str:
    """Given the evidence of all services and the drill's own error, return the drill's verdict."""
    verdicts = {service["verdict"] for service in services.values()}
    if error or FAILED in verdicts:
        return FAILED
    if not verdicts or NOT_RUN in verdicts:
        return NOT_RUN
    return RESTORED if RESTORED in verdicts else PROVEN


def sentences(services: dict[str, dict[str, Any]], error: str | None) -> list[str]:
    """Given the evidence of all services, return what an operator has to read of it."""
    said = [error] if error else []
    for name, service in services.items():
        if service["error"]:
            said.append(f"{name}: {service['error']}")
        said += [f"{name}: {difference}" for difference in service["differences"]]
    return said
