# SPDX-License-Identifier: GPL-3.0-or-later
"""Which archive is meant, and how a repository is only read."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils import _archive
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

DAYS = ("2026-11-21", "2026-11-22", "2026-11-23")
ARCHIVES = [
    {"name": f"node-nightly-{day}T02:00:00Z", "id": day, "start": f"{day}T02:00:01.000000"}
    for day in DAYS
]
PARTIAL = {"name": "node-nightly-partial-2026-11-24T02:00:00Z", "id": "p", "start": "2026-11-24"}


@pytest.fixture(autouse=True)
def _repository(monkeypatch: pytest.MonkeyPatch) -> None:
    def archives(_access: Any, _repository: str, pattern: str) -> list[dict[str, Any]]:
        return [entry for entry in [*ARCHIVES, PARTIAL] if fnmatchcase(entry["name"], pattern)]

    monkeypatch.setattr(_archive._borg, "archives", archives)


def choose(wanted: str) -> dict[str, Any]:
    return _archive.choose({}, "/repository", wanted, "node-nightly")


@pytest.mark.parametrize(
    ("wanted", "day"),
    [
        ("latest", "2026-11-23"),
        ("oldest", "2026-11-21"),
        ("node-nightly-2026-11-22T02:00:00Z", "2026-11-22"),
        ("2026-11-22", "2026-11-22"),
        ("2026-11-22T02:00:00", "2026-11-22"),
        ("2026-11-22T02:00:00Z", "2026-11-22"),
        ("2026-11-22T02:30+01:00", "2026-11-21"),
        ("2026-11-22 01:59:59", "2026-11-21"),
        ("2030-01-01", "2026-11-23"),
        (PARTIAL["name"], "p"),
    ],
)
def test_what_is_wanted_names_one_archive(wanted: str, day: str) -> None:
    assert choose(wanted)["id"] == day
    assert choose(wanted)["newest"]["name"] == ARCHIVES[-1]["name"]


def test_a_random_archive_is_a_complete_one() -> None:
    chosen = {choose("random")["id"] for _time in range(200)}
    assert chosen == set(DAYS)


@pytest.mark.parametrize("wanted", ["2026-11-20", "2026-11-21T01:59", "nosuch"])
def test_what_is_not_there_is_said(wanted: str) -> None:
    with pytest.raises(BackupError, match="holds no archive"):
        choose(wanted)


def test_a_time_that_is_none_is_said() -> None:
    with pytest.raises(BackupError, match="2026-13-01 is no time"):
        choose("2026-13-01")


def reach(repository: str) -> dict[str, Any]:
    secrets = {"passphrase_file": "p", "base_directory": "b", "rsh": None}
    return _archive.access({"repository": repository, **secrets})


def test_a_repository_that_cannot_be_written_is_read_without_a_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").touch()
    assert reach(str(tmp_path))["bypass_lock"] is False
    monkeypatch.setattr(_archive.os, "access", lambda _path, _mode: False)
    assert reach(str(tmp_path))["bypass_lock"] is True
    assert "bypass_lock" not in reach("ssh://host/repository")


def test_a_disk_that_is_not_mounted_is_said(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="is its disk mounted"):
        reach(str(tmp_path))
