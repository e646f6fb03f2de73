# SPDX-License-Identifier: GPL-3.0-or-later
"""A drill is known by its name and lives as long as its lock is held."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.janus.backup.plugins.module_utils import _drill_place as place


@pytest.fixture(autouse=True)
def _runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "RUNTIME", tmp_path / "run")


def test_two_drills_share_nothing(tmp_path: Path) -> None:
    (first, _lock), (second, _other) = place.begin(tmp_path), place.begin(tmp_path)
    assert first != second
    assert place.known(tmp_path) == {first, second}
    assert place.lives(first)
    assert place.lives(second)
    assert place.directory(tmp_path, first).stat().st_mode & 0o777 == 0o700


def test_a_drill_is_dead_once_its_lock_is_free(tmp_path: Path) -> None:
    drill, lock = place.begin(tmp_path)
    os.close(lock)
    assert not place.lives(drill)
    assert not place.lives("janus-drill-never-was")


def test_a_drill_lives_as_long_as_a_process_that_was_given_the_lock(tmp_path: Path) -> None:
    drill, lock = place.begin(tmp_path)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, pass_fds=[lock])
    os.close(lock)
    assert place.lives(drill)
    child.communicate(b"\n")
    assert not place.lives(drill)


def test_removing_one_drill_leaves_the_other(tmp_path: Path) -> None:
    (first, _lock), (second, _other) = place.begin(tmp_path), place.begin(tmp_path)
    (place.RUNTIME / first).mkdir()
    place.remove(tmp_path, first)
    assert place.known(tmp_path) == {second}
    place.remove(tmp_path, second)
    assert not (tmp_path / "drill").exists()
    assert [path.name for path in place.RUNTIME.iterdir()] == ["drill.lock"]
