# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories that change places, and what a crash in the middle of that leaves to be found out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils import _exchange
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


@pytest.fixture
def pairs(tmp_path: Path) -> list[dict[str, Any]]:
    """Two directories in use, with old data, and the two to take their places, with new data."""
    found = []
    for name in ("data", "log"):
        live, fresh = tmp_path / name, tmp_path / f"{name}.restored"
        for path, text in ((live, "old"), (fresh, "new")):
            path.mkdir()
            (path / "file").write_text(text)
        found.append(_exchange.note(live, fresh))
    return found


def contents(pairs: list[dict[str, Any]]) -> list[str]:
    return [(Path(pair["live"]) / "file").read_text() for pair in pairs]


@pytest.mark.parametrize("done", [0, 1, 2])
def test_whatever_was_exchanged_is_put_back_and_nothing_else(
    pairs: list[dict[str, Any]], done: int
) -> None:
    for pair in pairs[:done]:
        _exchange.exchange(Path(pair["live"]), Path(pair["fresh"]))
    assert contents(pairs) == ["new"] * done + ["old"] * (2 - done)
    assert _exchange.put_back(pairs) == [pair["live"] for pair in pairs[:done]]
    assert contents(pairs) == ["old", "old"]
    assert _exchange.put_back(pairs) == []


def test_somebody_elses_directory_is_left_alone(pairs: list[dict[str, Any]]) -> None:
    live = Path(pairs[0]["live"])
    live.rename(live.with_name("elsewhere"))
    with pytest.raises(BackupError, match="cannot look at"):
        _exchange.put_back(pairs)
    live.mkdir()
    with pytest.raises(BackupError, match="neither the old nor the restored data"):
        _exchange.put_back(pairs)


def test_what_cannot_be_exchanged_is_said(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="No such file"):
        _exchange.exchange(tmp_path, tmp_path / "nothing")


def test_a_file_system_is_tried_without_leaving_anything(tmp_path: Path) -> None:
    _exchange.prove(tmp_path)
    assert not list(tmp_path.iterdir())


def test_another_file_system_is_refused_before_anything_moves(tmp_path: Path) -> None:
    if Path("/dev/shm").stat().st_dev == tmp_path.stat().st_dev:
        pytest.fail("this machine has no second file system to test with")
    with pytest.raises(BackupError, match="different file systems"):
        _exchange.note(tmp_path, Path("/dev/shm/janus"))
