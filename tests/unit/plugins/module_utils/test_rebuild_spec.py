# SPDX-License-Identifier: GPL-3.0-or-later
"""How a service that ran in no container is rebuilt in one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils import _container, _rebuild_spec
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def no_docker() -> Any:
    raise BackupError("cannot reach the Docker engine")


def test_the_password_comes_from_the_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_container, "client", no_docker)
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text("p = w\n", encoding="utf-8")
    rebuild = {
        "image": "postgres:15",
        "environment": {"POSTGRES_USER": "janus"},
        "password_environment": "POSTGRES_PASSWORD",
        "command": ["postgres", "-c", "fsync=off"],
        "volumes": ["/var/lib/postgresql/data"],
    }
    service = {"name": "on_host", "password_file": str(secret), "rebuild": rebuild}
    spec = _rebuild_spec.describe(service)
    assert spec["config"] == {
        "Env": ["POSTGRES_USER=janus", "POSTGRES_PASSWORD=p = w"],
        "Cmd": ["postgres", "-c", "fsync=off"],
    }
    assert spec["mounts"][0]["destination"] == "/var/lib/postgresql/data"
    assert spec["image"] == {"reference": "postgres:15", "id": None, "repo_digests": []}


def test_an_image_is_all_that_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_container, "client", no_docker)
    rebuild = {"image": "redis:7", "environment": None, "command": None, "volumes": None}
    spec = _rebuild_spec.describe({"name": "redis", "password_file": None, "rebuild": rebuild})
    assert spec["config"] == {"Env": []}
    assert spec["mounts"] == []
