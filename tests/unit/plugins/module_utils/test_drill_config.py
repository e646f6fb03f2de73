# SPDX-License-Identifier: GPL-3.0-or-later
"""What a unit's instance asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils import _drill_config
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


@pytest.mark.parametrize(
    ("instance", "archive", "source", "services"),
    [
        ("latest", "latest", None, []),
        ("random@disk", "random", "disk", []),
        ("oldest@:redis:postgresql", "oldest", None, ["redis", "postgresql"]),
        ("janus1-nightly-2026-11-23T02:00:00Z@disk:redis", None, "disk", ["redis"]),
        (r"2026-11-23T02:00\x2b01:00", "2026-11-23T02:00+01:00", None, []),
    ],
)
def test_an_instance_names_archive_source_and_services(
    instance: str, archive: str | None, source: str | None, services: list[str]
) -> None:
    wanted: dict[str, Any] = _drill_config.request(instance)
    assert wanted["archive"] == (archive or instance.partition("@")[0])
    assert (wanted["source"], wanted["services"]) == (source, services)


def test_an_instance_without_archive_is_refused() -> None:
    with pytest.raises(BackupError, match="names no archive"):
        _drill_config.request("@disk")


@pytest.mark.parametrize("text", ["", "a: [", "other: {}", "- 1"])
def test_settings_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "drill.yml").write_text(text, encoding="utf-8")
    with pytest.raises(BackupError, match="cannot read the settings of the drill"):
        _drill_config.read(str(tmp_path / "drill.yml"))
