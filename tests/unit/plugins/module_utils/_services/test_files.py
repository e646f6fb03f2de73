# SPDX-License-Identifier: GPL-3.0-or-later
"""What of files can be told without a run: what is refused, what is walked, how paths are shown."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _files_tree as trees,
)
from ansible_collections.janus.backup.plugins.module_utils._services import files


def service(*paths: str, **more: Any) -> dict[str, Any]:
    options = {"paths": list(paths), **more.pop("options", {})}
    shared = {"name": "files", "runtime": "host", "state_directory": "/var/lib/janus-backup"}
    return {**shared, "options": options, **more}


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        (service("/etc", runtime="docker"), "they need runtime host"),
        (service("etc"), "path etc is not absolute and in its shortest form"),
        (service("/etc/../etc"), "is not absolute and in its shortest form"),
        (service("/etc/"), "is not absolute and in its shortest form"),
        (service("/no/such"), "there is no /no/such"),
        (service("/"), "path / overlaps with /var/lib/janus-backup"),
        (service("/var"), "path /var overlaps with /var/lib/janus-backup"),
        (service("/var/lib/janus-backup/status"), "overlaps with /var/lib/janus-backup"),
    ],
)
def test_what_cannot_be_dumped_is_said(declared: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BackupError, match=sentence):
        files.check(declared)


def test_the_space_for_headers_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    found = files.check(service(str(tmp_path / "a"), str(tmp_path / "a")))
    assert (found["files"], found["bytes"]) == (1, 5 + 2048)


def test_what_is_excluded_is_left_out_with_all_below_it(tmp_path: Path) -> None:
    for name in ("a/.git/x", "a/b/c.log", "a/b/d"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = trees.walk(tmp_path, ["/a", "/a/b/d", "/nothing"], ["*/.git", "*.log"])
    assert found == ["/a", "/a/b", "/a/b/d"]
    assert trees.walk(tmp_path, ["/a"], ["/a/b/*"]) == ["/a", "/a/.git", "/a/.git/x", "/a/b"]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/x").touch()
    (tmp_path / "link").symlink_to("real")
    assert trees.walk(tmp_path, ["/link"]) == ["/link"]
    assert trees.look(tmp_path, ["/link"])["/link"]["target"] == "real"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"/a b", "/a b"),
        ("/ü".encode(), "/ü"),
        (b"/a\nb", r"/a\nb"),
        (rb"/a\nb", r"/a\\nb"),
        (b"/\xff", r"/\xff"),
        (rb"/\xff", r"/\\xff"),
    ],
)
def test_no_two_paths_are_shown_alike(name: bytes, shown: str) -> None:
    assert trees.shown(os.fsdecode(name)) == shown


def test_only_attributes_that_belong_to_the_file_are_compared() -> None:
    attributes = {"security.selinux": b"x", "trusted.overlay.opaque": b"y", "user.note": b""}
    found = trees.common("file", 0o100640, 1, 2, attributes)
    assert found == {
        "type": "file",
        "mode": "0640",
        "uid": 1,
        "gid": 2,
        "attributes": {"user.note": "e3b0c44298fc1c149afbf4c8996fb924"},
    }


def test_removing_spares_what_nobody_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/kept").touch()
    trees.remove(tmp_path, ["/a", "/a/b", "/a/gone"])
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["kept"]


def test_a_query_gives_the_lines_of_a_file_or_the_paths_that_match(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text("x = 1\ny = 2\n")
    declared = service(str(tmp_path))
    path = str(tmp_path / "a.conf")
    assert files.query(declared, path, "y = *") == "y = 2"
    assert files.query(declared, None, "*.conf") == path
    assert files.query(declared, None, files.SMOKE) == [str(tmp_path), path]
    with pytest.raises(BackupError, match="there is no /etc/passwd"):
        files.query(declared, "/etc/passwd", "*")
