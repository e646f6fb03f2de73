# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest: complete or partial, sealed, and merciless with what was changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils import _in_place, _manifest
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def _dumped(staging: Path, name: str = "postgresql") -> dict[str, Any]:
    directory = staging / name
    directory.mkdir()
    (directory / "data").write_text("payload", encoding="utf-8")
    record = {"status": "dumped", "artefacts": _manifest.artefacts(directory, staging)}
    (directory / _manifest.RECORD).write_text(json.dumps(record), encoding="utf-8")
    return record


def _written(staging: Path, failures: dict[str, str], *services: str) -> dict[str, Any]:
    return _manifest.write(staging, {"id": "1"}, {}, failures, list(services))


def test_a_run_in_which_all_succeeded_is_complete(tmp_path: Path) -> None:
    _dumped(tmp_path)
    assert _written(tmp_path, {}, "postgresql")["run"]["status"] == "complete"


def test_a_run_in_which_one_failed_is_partial_and_says_why(tmp_path: Path) -> None:
    _dumped(tmp_path)
    manifest = _written(tmp_path, {"redis": "gone"}, "postgresql", "redis")
    assert manifest["run"]["status"] == "partial"
    assert manifest["services"]["redis"] == {"status": "failed", "error": "gone"}


def test_a_service_without_a_record_has_failed(tmp_path: Path) -> None:
    _dumped(tmp_path)
    manifest = _written(tmp_path, {}, "postgresql", "redis")
    assert manifest["services"]["redis"]["status"] == "failed"


def test_a_run_without_any_dump_has_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="nothing was dumped"):
        _written(tmp_path, {"redis": "gone"}, "redis")
    assert not (tmp_path / _manifest.NAME).exists()


def test_the_manifest_is_only_for_its_owner(tmp_path: Path) -> None:
    _dumped(tmp_path)
    _written(tmp_path, {}, "postgresql")
    assert (tmp_path / _manifest.NAME).stat().st_mode & 0o777 == 0o600


def test_an_edited_manifest_is_refused(tmp_path: Path) -> None:
    _dumped(tmp_path)
    _written(tmp_path, {}, "postgresql")
    path = tmp_path / _manifest.NAME
    path.write_text(path.read_text().replace('"complete"', '"partial"'))
    with pytest.raises(BackupError, match="was edited"):
        _manifest.read(tmp_path)


def test_a_manifest_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    _manifest.seal(tmp_path / _manifest.NAME, {"format_version": 99})
    with pytest.raises(BackupError, match="format version 99"):
        _manifest.read(tmp_path)


def test_a_missing_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="no manifest"):
        _manifest.read(tmp_path)


def test_intact_artefacts_are_not_damaged(tmp_path: Path) -> None:
    record = _dumped(tmp_path)
    assert _manifest.damaged(tmp_path, record) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [("pay1oad", "does not match its sha256"), ("pay", "has 3 bytes"), (None, "is missing")],
)
def test_a_damaged_artefact_is_named(tmp_path: Path, content: str | None, said: str) -> None:
    record = _dumped(tmp_path)
    path = tmp_path / "postgresql/data"
    path.unlink()
    if content is not None:
        path.write_text(content)
    (sentence,) = _manifest.damaged(tmp_path, record)
    assert "postgresql/data" in sentence
    assert said in sentence


def test_a_link_among_the_artefacts_is_refused(tmp_path: Path) -> None:
    _dumped(tmp_path)
    (tmp_path / "postgresql/link").symlink_to("/etc/passwd")
    with pytest.raises(BackupError, match="neither a file nor a directory"):
        _manifest.artefacts(tmp_path / "postgresql", tmp_path)


def test_the_size_of_a_service_counts_what_is_archived_in_place(tmp_path: Path) -> None:
    assert _manifest.size({"status": "failed"}) == 0
    assert _manifest.size({**_dumped(tmp_path), "in_place": [{"bytes": 10}, {"bytes": 5}]}) == 22


def test_what_borg_is_to_archive_in_place_is_listed(tmp_path: Path) -> None:
    record = _dumped(tmp_path)
    _written(tmp_path, {}, "postgresql")
    assert (tmp_path / _in_place.ROOTS).read_text() == ""
    record["in_place"] = [{"root": "/srv/store/./staging/nightly/postgresql/data"}]
    record_file = tmp_path / "postgresql" / _manifest.RECORD
    record_file.write_text(json.dumps(record), encoding="utf-8")
    _written(tmp_path, {}, "postgresql")
    lines = (tmp_path / _in_place.ROOTS).read_text()
    assert lines == "R /srv/store/./staging/nightly/postgresql/data\n"
