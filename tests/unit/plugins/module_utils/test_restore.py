# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a restore, how one ends, and what its plan refuses. The rest is in molecule/."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils import (
    _container,
    _exchange,
    _journal,
    _restore_end,
    _restore_plan,
    _swap,
    _twin,
)
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

RUN = "restore-store-20261123t020000"


@pytest.fixture
def swapped(tmp_path: Path) -> Path:
    """A state directory with a restore whose data is in place but not proven there."""
    live, fresh = tmp_path / "live", tmp_path / "fresh"
    for path in (live, fresh):
        path.mkdir()
        (path / path.name).touch()
    pair = _exchange.note(live, fresh)
    _exchange.exchange(live, fresh)
    _journal.begin(tmp_path, RUN, {"service": {"name": "store", "container": "janus-store"}})
    _journal.enter(tmp_path, RUN, "check", pairs=[pair], was_running=True)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["_restore_end", *arguments])
    return _restore_end.main()


def test_before_docker_starts_the_old_data_is_back(
    swapped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (swapped / "live/fresh").exists()
    for _again in range(2):
        assert run(monkeypatch, str(swapped), "--data-only") == 0
        assert (swapped / "live/live").exists()
    assert _journal.read(swapped, RUN)["open"]  # the container is still to be started


def test_what_is_proven_stays(swapped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _journal.enter(swapped, RUN, "done")
    assert run(monkeypatch, str(swapped), "--data-only") == 0
    assert (swapped / "live/fresh").exists()


def engine(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for Docker. Return the list in which is noted what is asked of it."""
    asked: list[str] = []
    state = {"State": {"Running": False}}
    monkeypatch.setattr(_container, "stop", lambda name, _seconds: asked.append(f"stop {name}"))
    monkeypatch.setattr(_container, "start", lambda name: asked.append(f"start {name}"))
    monkeypatch.setattr(_container, "inspect", lambda *_arguments, **_options: state)
    monkeypatch.setattr(_container, "remove_labelled", lambda _label: [])
    monkeypatch.setattr(_twin, "remove", lambda *_arguments: asked.append("remove twin"))
    monkeypatch.setattr(_twin, "remove_data", lambda *_arguments: asked.append("remove data"))
    return asked


def test_what_is_not_proven_is_undone_before_anything_is_removed(
    swapped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = engine(monkeypatch)
    assert run(monkeypatch, str(swapped), RUN) == 0
    wanted = ["stop janus-store", "start janus-store", "remove twin", "remove data"]
    assert asked == wanted
    assert (swapped / "live/live").exists()
    journal = _journal.read(swapped, RUN)
    assert (journal["phase"], journal["open"]) == ("reverted", False)
    assert run(monkeypatch, str(swapped)) == 0
    assert asked == wanted


def test_of_what_is_proven_the_old_data_is_kept(
    swapped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _journal.enter(swapped, RUN, "done")
    asked = engine(monkeypatch)
    assert run(monkeypatch, str(swapped)) == 0
    assert asked == ["remove twin"]
    assert (swapped / "fresh/live").exists()
    assert _journal.read(swapped, RUN)["phase"] == "done"


def test_what_cannot_be_ended_stays_open_and_others_are_ended(
    swapped: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = "restore-other-20261123t020001"
    _journal.begin(swapped, other, {"service": {"name": "other", "container": "janus-other"}})
    asked = engine(monkeypatch)
    (swapped / "live").rename(swapped / "elsewhere")
    assert run(monkeypatch, str(swapped)) == 1
    assert "cannot look at" in capsys.readouterr().err
    assert _journal.read(swapped, RUN)["open"]
    assert not _journal.read(swapped, other)["open"]
    assert asked == ["remove twin", "remove data"]


def test_a_service_that_is_being_backed_up_is_not_swapped(swapped: Path) -> None:
    noted = swapped / "quiesced/nightly/store.json"
    noted.parent.mkdir(parents=True)
    noted.touch()
    with pytest.raises(BackupError, match="job nightly is backing store up"):
        _swap.swap(swapped, RUN)


def test_a_journal_tells_how_long_each_phase_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([1.0, 2.5, 5.0])
    monkeypatch.setattr(_journal.time, "time", lambda: next(clock))
    _journal.begin(tmp_path, RUN, {})
    _journal.enter(tmp_path, RUN, "extract")
    journal = _journal.enter(tmp_path, RUN, "done", bytes=7)
    assert _journal.seconds(journal) == {"asked": 1.5, "extract": 2.5}
    assert _journal.read(tmp_path, RUN)["bytes"] == 7
    with pytest.raises(BackupError, match="there was no restore nosuch"):
        _journal.read(tmp_path, "nosuch")


@pytest.mark.parametrize(
    ("image", "known", "sentence"),
    [
        ("same", None, None),
        ("same", "14.1", None),
        ("other", "15.4 (Debian)", None),
        ("other", "15.9", None),
        ("other", "15.3", "runs version 15.3, the archive is of 15.4"),
        ("other", "16.1", "runs version 16.1, the archive is of 15.4"),
        ("other", None, "does not tell its version"),
    ],
)
def test_an_archive_goes_back_into_its_own_version_or_a_later_minor_one(
    image: str, known: str | None, sentence: str | None
) -> None:
    record: dict[str, Any] = {
        "tools": {"server": "15.4"},
        "container": {"image": {"id": "same"}},
    }
    attributes = {"Image": image, "Name": "/janus-store"}
    found = _restore_plan._version_obstacles(record, attributes, known)
    assert len(found) == (sentence is not None)
    assert all(str(sentence) in each for each in found)


def test_a_place_with_too_little_space_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount = {
        "Type": "bind",
        "Source": str(tmp_path / "data"),
        "Destination": "/data",
        "RW": True,
    }
    (tmp_path / "data").mkdir()

    class Engine:
        api = type("Api", (), {"info": staticmethod(lambda: {"DockerRootDir": str(tmp_path)})})

    monkeypatch.setattr(_container, "client", Engine)
    attributes = {"Mounts": [mount]}
    assert _restore_plan._space_obstacles(tmp_path, attributes, 1000, 1000) == []
    (sentence,) = _restore_plan._space_obstacles(tmp_path, attributes, 10**18, 10**18)
    assert "no space to restore: 2100000000000 MB needed in" in sentence


def test_only_what_may_hold_data_gets_another_place(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    mounts = [
        {"Type": "volume", "Name": "data", "Source": "/v", "Destination": "/data", "RW": True},
        {"Type": "volume", "Name": "keys", "Source": "/k", "Destination": "/keys", "RW": False},
        {"Type": "bind", "Source": str(tmp_path), "Destination": "/more", "RW": True},
        {"Type": "bind", "Source": str(tmp_path / "file"), "Destination": "/file", "RW": True},
        {"Type": "tmpfs", "Source": "", "Destination": "/tmp", "RW": True},
    ]
    found = [
        (mount["Destination"], place) for mount, place in _twin.places({"Mounts": mounts}, RUN)
    ]
    assert found == [("/data", f"{RUN}-0"), ("/more", f"{tmp_path}.{RUN}")]
