# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's settings, from the same environment variables that the Qdrant server reads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """All that can be set from outside."""

    host: str
    port: int
    storage: Path
    snapshots: Path
    api_key: str | None
    read_only_api_key: str | None
    certificate: str | None
    private_key: str | None
    snapshot_url_recovery: bool


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings that the QDRANT__… variables of the environment make."""

    def setting(name: str, default: str = "") -> str:
        return environment.get(f"QDRANT__{name}", default)

    def switch(name: str, default: str) -> bool:
        return setting(name, default).lower() in ("true", "1")

    tls = switch("SERVICE__ENABLE_TLS", "false")
    return Settings(
        host=setting("SERVICE__HOST", "0.0.0.0"),
        port=int(setting("SERVICE__HTTP_PORT", "6333")),
        storage=Path(setting("STORAGE__STORAGE_PATH", "/qdrant/storage")),
        snapshots=Path(setting("STORAGE__SNAPSHOTS_PATH", "/qdrant/snapshots")),
        api_key=setting("SERVICE__API_KEY") or None,
        read_only_api_key=setting("SERVICE__READ_ONLY_API_KEY") or None,
        certificate=setting("TLS__CERT", "./tls/cert.pem") if tls else None,
        private_key=setting("TLS__KEY", "./tls/key.pem") if tls else None,
        snapshot_url_recovery=switch("SERVICE__ENABLE_SNAPSHOT_URL_RECOVERY", "true"),
    )
