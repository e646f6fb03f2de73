# SPDX-License-Identifier: GPL-3.0-or-later
"""Plant one fault at a time and see the drill fail, naming the service and the object."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from testinfra.host import Host


@pytest.fixture(scope="module", autouse=True)
def _archive(play: Any) -> None:
    play("backup")


def _failed_drill(play: Any, archive: str) -> str:
    output: str = play("restore_drill", expect=1, archive=archive).stdout
    return output


def test_an_untouched_archive_is_proven(play: Any) -> None:
    assert "proven" in play("restore_drill").stdout


def test_one_changed_row_fails_the_drill(play: Any, plant: Callable[..., str]) -> None:
    # The file's sha256 is right, so that only the data checksum can tell.
    output = _failed_drill(play, plant("replace", "Debian", "Dabian"))
    assert 'postgresql: database "debian" table' in output
    assert "at backup" in output


def test_one_flipped_bit_fails_the_drill(play: Any, plant: Callable[..., str]) -> None:
    output = _failed_drill(play, plant("flip"))
    assert "postgresql: artefact postgresql/databases/" in output
    assert "does not match its sha256" in output


def test_a_missing_table_fails_the_drill(play: Any, plant: Callable[..., str]) -> None:
    output = _failed_drill(play, plant("omit", "debian", "debian.never_filled"))
    assert 'postgresql: database "debian" table "debian"."never_filled": missing' in output


def test_an_edited_manifest_fails_the_drill(play: Any, plant: Callable[..., str]) -> None:
    output = _failed_drill(play, plant("edit"))
    assert "was edited: it does not match its own checksum" in output


@pytest.fixture
def _wrong_passphrase(drill_host: Host) -> Iterator[None]:
    path = "/etc/janus-backup/passphrase"
    drill_host.check_output(f"cp -p {path} {path}.right && echo wrong > {path}")
    yield
    drill_host.check_output(f"mv {path}.right {path}")


@pytest.mark.usefixtures("_wrong_passphrase")
def test_a_wrong_passphrase_fails_the_drill(play: Any) -> None:
    assert "the passphrase is wrong" in _failed_drill(play, "latest")


def test_an_archive_that_does_not_exist_fails_the_drill(play: Any) -> None:
    assert "holds no archive nosuch" in _failed_drill(play, "nosuch")


def test_a_failed_drill_is_reported_and_leaves_nothing(
    play: Any,
    plant: Callable[..., str],
    drill_host: Host,
    latest_report: Callable[[], dict[str, Any]],
) -> None:
    _failed_drill(play, plant("flip"))
    report = latest_report()
    assert report["verdict"] == report["services"]["postgresql"]["verdict"] == "failed"
    assert report["services"]["postgresql"]["objects_compared"] == 0
    for what in ("ps --all", "volume ls", "network ls"):
        listing = f"docker {what} --quiet --filter label=janus.backup.drill"
        assert drill_host.check_output(listing) == ""
