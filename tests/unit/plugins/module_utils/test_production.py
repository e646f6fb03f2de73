# SPDX-License-Identifier: GPL-3.0-or-later
"""What is recorded of a production container is what it is built from again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils import (
    _in_the_way,
    _production,
    _production_spec,
)

PLAIN: dict[str, Any] = {
    "networks": {"janus": ["cache"], "bridge": []},
    "ports": {"6379/tcp": [{"HostIp": "", "HostPort": "6379"}]},
    "mounts": [
        {"type": "volume", "source": "data", "destination": "/data", "read_only": False},
        {"type": "bind", "source": "/srv/x", "destination": "/x", "read_only": False},
        {"type": "bind", "source": "/etc/x", "destination": "/y", "archived": "mounts/2"},
    ],
}


def test_an_archive_from_before_it_was_recorded_gets_what_is_usual() -> None:
    told = _production_spec.of(PLAIN)
    assert told["network_mode"] == "janus"
    assert told["networks"]["janus"]["driver"] == "bridge"
    assert told["volumes"] == {"data": {"driver": "local", "options": {}, "labels": {}}}
    assert list(told["directories"]) == ["/srv/x"]
    assert _production_spec.of({**PLAIN, "networks": {"host": []}})["network_mode"] == "host"
    assert _production_spec.of({**PLAIN, "production": {"labels": {}}}) == {"labels": {}}


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("redis", ("redis", "latest")),
        ("redis:7.2", ("redis", "7.2")),
        ("registry.example:5000/redis", ("registry.example:5000/redis", "latest")),
        ("registry.example:5000/redis:7", ("registry.example:5000/redis", "7")),
    ],
)
def test_the_name_of_an_image_is_split_at_its_tag(reference: str, parts: tuple[str, str]) -> None:
    assert _production._split(reference) == parts


def test_ports_that_docker_chooses_are_not_asked_for() -> None:
    bindings = [
        {"HostIp": "127.0.0.1", "HostPort": "80"},
        {"HostIp": "", "HostPort": ""},
        {"HostPort": "0"},
    ]
    spec = {"ports": {"80/tcp": bindings, "53/udp": [{"HostPort": "53"}], "99/tcp": None}}
    assert _production.published(spec) == [("127.0.0.1", 80, "tcp"), ("", 53, "udp")]


def test_configuration_is_put_back_with_its_mode_and_no_half_copy_stays(tmp_path: Path) -> None:
    archived, place = tmp_path / "archived", tmp_path / "etc/janus"
    (archived / "deep").mkdir(parents=True)
    (archived / "deep/a.conf").write_text("a")
    (archived / "deep/a.conf").chmod(0o640)
    (archived / "deep").chmod(0o750)
    spec = {
        "mounts": [{"type": "bind", "source": str(place), "archived": "archived"}],
        "production": {"directories": {}},
    }
    _production._put_back_files(spec, tmp_path)
    assert (place / "deep/a.conf").read_text() == "a"
    assert (place / "deep/a.conf").stat().st_mode & 0o777 == 0o640
    assert (place / "deep").stat().st_mode & 0o777 == 0o750
    assert [path.name for path in place.parent.iterdir()] == ["janus"]


def test_configuration_that_differs_is_in_the_way_and_kept_under_another_name(
    tmp_path: Path,
) -> None:
    archived, place = tmp_path / "mounts/0", tmp_path / "a.conf"
    archived.parent.mkdir()
    archived.write_text("old")
    mount = {"type": "bind", "source": str(place), "archived": "mounts/0"}
    assert _in_the_way._bound(mount, tmp_path) == []
    place.write_text("old")
    assert _in_the_way._bound(mount, tmp_path) == []
    for content, name in (("new", ""), ("newer", ".2")):
        place.write_text(content)
        (obstacle,) = _in_the_way._bound(mount, tmp_path)
        assert "is not what is in the archive" in obstacle.sentence
        assert obstacle.clear
        obstacle.clear()
        assert (tmp_path / f"a.conf.before-recovery{name}").read_text() == content
