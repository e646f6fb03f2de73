# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evidence of a drill: what was compared, and the verdict. docs/drill.md has the schema.

Verdicts: `proven` (every checksum equal), `restored` (restored, but not proven equal, because the
backup's own checksums were fuzzy), `failed`, `not run`. Whatever could not be checked is never
`proven`.
"""

from __future__ import annotations

from typing import Any

FORMAT_VERSION = 1
PROVEN, RESTORED, FAILED, NOT_RUN = "proven", "restored", "failed", "not run"


def of_service(record: dict[str, Any], result: dict[str, Any] | None) -> dict[str, Any]:
    """Given a service's record in the manifest and what the drill found, return its evidence.

    result is {error, differences, objects, seconds: {build, restore, verify}}; None when the drill
    never came to this service. differences is None when they were not computed.
    """
    evidence: dict[str, Any] = {
        "type": record.get("type"),
        "consistency": record.get("consistency", {}).get("kind"),
        "bytes": sum(artefact["size"] for artefact in record.get("artefacts", [])),
        "objects_expected": len(record.get("checksums", {})),
        "objects_compared": 0,
        "differences": [],
        "error": None,
        "seconds": {},
    }
    if record["status"] != "dumped":
        return {**evidence, "verdict": NOT_RUN, "error": f"not in this archive: {record['error']}"}
    if result is None:
        return {**evidence, "verdict": NOT_RUN, "error": "the drill did not come to it"}
    evidence["seconds"] = result["seconds"]
    if result["error"] or result["differences"] is None:
        error = result["error"] or "its checksums were not compared"
        return {**evidence, "verdict": FAILED, "error": error}
    evidence["objects_compared"] = result["objects"]
    evidence["differences"] = result["differences"]
    if evidence["consistency"] == "fuzzy":
        return {**evidence, "verdict": RESTORED, "error": record["consistency"].get("reason")}
    if not evidence["objects_expected"]:
        return {**evidence, "verdict": RESTORED, "error": "the backup recorded no checksums"}
    return {**evidence, "verdict": FAILED if result["differences"] else PROVEN}


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
