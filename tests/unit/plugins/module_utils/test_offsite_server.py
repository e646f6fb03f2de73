# SPDX-License-Identifier: GPL-3.0-or-later
"""A repository server: leave it out while it is away, and go back to before an attack."""

from __future__ import annotations

import datetime
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils import (
    _offsite_reachable,
    _offsite_rollback,
    _offsite_state,
)
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def moment(clock: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(f"2026-11-25T{clock}+00:00")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of ten segments, as Borg's server notes its transactions."""
    path = tmp_path / "janus1.borg"
    (path / "data/0").mkdir(parents=True)
    for number in range(10):
        (path / "data/0" / str(number)).write_text(str(number))
    (path / "config").write_text("[repository]\n")
    for name in ("index.9", "hints.9", "integrity.9"):
        (path / name).touch()
    lines = [(3, "01:00:00.5"), (6, "02:00:00.5"), (9, "03:00:00.5")]
    text = "".join(f"transaction {n}, UTC time 2026-11-25T{clock}\n" for n, clock in lines)
    (path / "transactions").write_text(text)
    return path


def test_a_repository_of_then_has_the_segments_of_then(repository: Path, tmp_path: Path) -> None:
    target = tmp_path / "janus1.rollback"
    assert _offsite_rollback.roll_back(repository, target, moment("02:30:00")) == 6
    assert sorted(path.name for path in (target / "data/0").iterdir()) == list("0123456")
    assert sorted(path.name for path in target.iterdir()) == ["config", "data"]
    assert len(list((repository / "data/0").iterdir())) == 10


def test_there_is_no_repository_of_before_the_first_transaction(
    repository: Path, tmp_path: Path
) -> None:
    with pytest.raises(BackupError, match="no transaction as old as"):
        _offsite_rollback.roll_back(repository, tmp_path / "new", moment("00:30:00"))


def test_a_repository_that_was_compacted_since_is_not_taken_for_whole(
    repository: Path, tmp_path: Path
) -> None:
    (repository / "data/0/6").unlink()
    with pytest.raises(BackupError, match="lost transaction 6: it was compacted since"):
        _offsite_rollback.roll_back(repository, tmp_path / "new", moment("02:30:00"))
    assert not (tmp_path / "new").exists()


def test_nothing_is_written_over(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="it exists"):
        _offsite_rollback.roll_back(repository, tmp_path, moment("02:30:00"))


def job(state: Path, url: str, **more: Any) -> dict[str, Any]:
    declared = {"path": url, "label": "server", "required": False, "max_age_hours": 50, **more}
    local = {"path": "/r", "label": "local", "required": False, "max_age_hours": 50}
    return {"name": "nightly", "state": str(state), "repositories": [local, declared]}


@pytest.fixture
def closed() -> int:
    """A port at which nobody answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_server_that_answers_is_used(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"ssh://u@127.0.0.1:{listening.getsockname()[1]}/r"
        assert _offsite_reachable.look(job(tmp_path, url), url) == 0


def test_a_server_that_is_away_is_left_out_until_it_was_away_too_long(
    tmp_path: Path, closed: int
) -> None:
    url = f"ssh://u@127.0.0.1:{closed}/r"
    assert _offsite_reachable.look(job(tmp_path, url), url) == 75
    path = tmp_path / "offsite/repository_server.json"
    state = json.loads(path.read_text(encoding="utf-8"))
    assert state["status"] == "unreachable"
    path.write_text(json.dumps({**state, "last_success": "2020-01-01T00:00:00Z"}))
    assert _offsite_reachable.look(job(tmp_path, url), url) == 1


def test_a_server_that_answers_is_no_younger_for_that(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"ssh://u@127.0.0.1:{listening.getsockname()[1]}/r"
        _offsite_reachable.look(job(tmp_path, url), url)
    declared = _offsite_state.of_repository(job(tmp_path, url), url)
    assert declared is not None
    assert "last_success" not in _offsite_state.load(declared)


def test_a_repository_of_this_host_is_never_left_out(tmp_path: Path) -> None:
    assert _offsite_reachable.look(job(tmp_path, "ssh://u@127.0.0.1/r"), "/r") == 0


def test_a_server_that_is_required_is_never_left_out(tmp_path: Path, closed: int) -> None:
    url = f"ssh://u@127.0.0.1:{closed}/r"
    assert _offsite_reachable.look(job(tmp_path, url, required=True), url) == 0


def test_a_state_of_another_shape_begins_anew(tmp_path: Path) -> None:
    target = {"name": "x", "type": "path", "state": str(tmp_path), "metrics": None}
    _offsite_state.save(target, _offsite_state.load(target))
    _offsite_state.path(target).write_text("{half")
    assert "last_success" not in _offsite_state.load(target)
