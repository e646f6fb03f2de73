# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to a restored service beyond its checksums: the smoke query that every type has, and
the user's own named checks, which the manifest carries.

What is told of them ends in reports, so no secret of the service is in it and nothing long.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _container
from ansible_collections.janus.backup.plugins.module_utils._checksum import canonical, digest
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

SMOKE = "smoke"
_SHOWN = 100
_SECRET = re.compile(r"PASS|SECRET|TOKEN|KEY|AUTH|CRED", re.IGNORECASE)


def run(
    implementation: ModuleType, service: dict[str, Any], checks: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Given a service's implementation, the service, and checks as the manifest has them, ask the
    smoke query and the checks. Return for each its {name, target, error}; error is None when it
    passed.
    """
    secrets = _secrets(service)
    smoke = {"name": SMOKE, "target": None, "query": implementation.SMOKE}
    return [
        {
            "name": check["name"],
            "target": check.get("target"),
            "error": _without(secrets, _error(implementation, service, check)),
        }
        for check in [smoke, *checks]
    ]


def _error(
    implementation: ModuleType, service: dict[str, Any], check: dict[str, Any]
) -> str | None:
    try:
        found = implementation.query(service, check.get("target"), check["query"])
    except BackupError as error:
        return str(error)
    if "expect" not in check:
        return None if found not in (None, [], {}, "") else "there was no answer"
    if canonical(found) == canonical(check["expect"]):
        return None
    return f"expected {_shown(check['expect'])}, found {_shown(found)}"


def plain(rows: list[Any]) -> Any:
    """Given rows, each a list of columns, return one value if there is one, a list of values if
    there is one column, else a list of lists; what JSON does not know becomes a text.
    """
    values = [[_simple(value) for value in row] for row in rows]
    if any(len(row) != 1 for row in values):
        return values
    single = [row[0] for row in values]
    return single[0] if len(single) == 1 else single


def _simple(value: Any) -> Any:
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).decode(errors="replace")
    if isinstance(value, list):
        return [_simple(entry) for entry in value]
    if isinstance(value, dict):
        return {str(key): _simple(entry) for key, entry in value.items()}
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _shown(value: Any) -> str:
    text = canonical(value)
    if len(text) <= _SHOWN:
        return text
    return f"{len(text)} characters with the SHA-256 {digest(value)}"


def _secrets(service: dict[str, Any]) -> list[str]:
    """Return what must not be told: the service's password, and what looks like secrets in the
    environment of its container.
    """
    found = []
    if service.get("password_file"):
        path = Path(service["password_file"])
        found = [path.read_text(encoding="utf-8").strip()] if path.is_file() else []
    if service["runtime"] == "docker":
        attributes = _container.inspect(service["container"], running=False)
        environment = _container.environment(attributes)
        found += [value for key, value in environment.items() if _SECRET.search(key)]
        found += [part for value in found for part in value.split("/")]
    return sorted({secret for secret in found if len(secret) > 3}, key=len, reverse=True)


def _without(secrets: list[str], text: str | None) -> str | None:
    for secret in secrets:
        text = text.replace(secret, "***") if text else text
    return text
