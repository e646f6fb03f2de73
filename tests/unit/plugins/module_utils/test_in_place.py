# SPDX-License-Identifier: GPL-3.0-or-later
"""Trees archived in place: what Borg is told of them, and that they outlive the dump."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils import _cleanup, _dump, _in_place
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def _service(tmp_path: Path) -> dict[str, Any]:
    return {
        "name": "store",
        "job": "nightly",
        "runtime": "host",
        "user": None,
        "options": {},
        "scratch": str(tmp_path / "scratch"),
        "state_directory": str(tmp_path / "state"),
    }


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    path = _in_place.tree(tmp_path / "volume", _service(tmp_path), "data")
    (path / "deep").mkdir(parents=True)
    (path / "deep" / "object").write_text("payload")
    return path


def test_what_is_recorded_of_a_tree(tree: Path, tmp_path: Path) -> None:
    assert _in_place.describe(tree) == {
        "path": "store/data",
        "root": f"{tmp_path}/volume/./staging/nightly/store/data",
        "bytes": 7,
        "file_count": 1,
    }


def test_borg_is_told_of_every_tree(tree: Path, tmp_path: Path) -> None:
    services: dict[str, Any] = {"other": {}, "store": {"in_place": [_in_place.describe(tree)]}}
    expected = f"R {tmp_path}/volume/./staging/nightly/store/data\n"
    assert _in_place.patterns(services) == expected


class _Store(ModuleType):
    """A service that notes when it is resumed, which is what the driver is asked about."""

    def __init__(self, trees: list[Path], fails: bool) -> None:
        super().__init__("store")
        self.trees, self.fails = trees, fails
        self.DUMP_HELPER: dict[str, Any] = {}

    def quiesce(self, service: dict[str, Any], facts: Any, remember: Any) -> dict[str, Any]:
        token = {"trees": [str(path) for path in self.trees]}
        remember(token)
        return token

    def resume(self, token: dict[str, Any]) -> None:
        for path in token["trees"]:
            (Path(path) / "deep" / "object").unlink(missing_ok=True)

    def dump(self, *_arguments: Any) -> dict[str, Any]:
        if self.fails:
            raise BackupError("no")
        return {
            "consistency": {"kind": "bracketed", "reason": None},
            "checksums": {},
            "tools": {},
            "in_place": self.trees,
        }


def _dumped(store: _Store, tmp_path: Path) -> dict[str, Any]:
    staging = tmp_path / "staging" / "nightly"
    staging.mkdir(parents=True)
    facts = {"version": "1", "bytes": 0}
    return _dump.dump(store, _service(tmp_path), facts, staging)


def test_a_tree_stays_until_the_run_is_cleaned_up(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = _Store([tree], fails=False)
    record = _dumped(store, tmp_path)
    assert record["in_place"] == [_in_place.describe(tree)]
    assert (tree / "deep" / "object").exists()

    monkeypatch.setitem(sys.modules, "store", store)
    _cleanup.resume_quiesced(tmp_path / "state", "nightly")
    assert not (tree / "deep" / "object").exists()
    assert not _dump.journal(_service(tmp_path)).exists()


def test_nothing_stays_of_a_dump_that_failed(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupError):
        _dumped(_Store([tree], fails=True), tmp_path)
    assert not (tree / "deep" / "object").exists()
    assert not _dump.journal(_service(tmp_path)).exists()
