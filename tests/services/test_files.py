# SPDX-License-Identifier: GPL-3.0-or-later
"""Files: dump, restore and compare on this machine, below directories of the test."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ODD = [
    b"with space",
    "ünï".encode(),
    b"line\nfeed",
    b"back\\slash",
    b"not-utf8-\xff",
    b"-dash",
    b"*",
]
NOBODY_ELSE = 0xFFFFFFFF


def acl() -> bytes:
    """Return an ACL as Linux keeps it: user 4711 may read, beside owner, group, mask, others."""
    entries = [(1, 6, NOBODY_ELSE), (2, 4, 4711), (4, 4, NOBODY_ELSE), (0x10, 4, NOBODY_ELSE)]
    packed = [struct.pack("<HHI", *entry) for entry in [*entries, (0x20, 0, NOBODY_ELSE)]]
    return struct.pack("<I", 2) + b"".join(packed)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a directory with one of each kind of what configuration directories hold."""
    root = tmp_path / "etc"
    for name in ("conf.d/deep/er", "empty", "shared"):
        (root / name).mkdir(parents=True)
    (root / "compose.yaml").write_text("services: {}\n")
    (root / "secret.env").write_text("PASSWORD=x\n")
    (root / "secret.env").chmod(0o600)
    os.chown(root / "secret.env", 4711, 4712)
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o4755)
    (root / "shared").chmod(0o2775)
    os.setxattr(root / "shared", "system.posix_acl_default", acl())
    (root / "shared/by-acl").write_text("read by 4711\n")
    (root / "shared/plain").write_text("made before the ACL\n")
    os.removexattr(root / "shared/plain", "system.posix_acl_access")
    os.setxattr(root / "compose.yaml", "user.note", b"a\0\xff")
    capability = struct.pack("<IIIII", 0x02000001, 0x400, 0, 0, 0)
    os.setxattr(root / "conf.d", "user.empty", b"")
    (root / "ping").write_bytes(b"\x7fELF")
    os.setxattr(root / "ping", "security.capability", capability)
    (root / "large").write_bytes(os.urandom(3_000_000))
    os.symlink("compose.yaml", root / "link")
    os.symlink("/nowhere/at all", root / "dangling")
    os.symlink("conf.d", root / "to-directory")
    os.link(root / "compose.yaml", root / "conf.d/hard-link")
    os.mkfifo(root / "pipe", 0o640)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))
    for name in ODD:
        Path(os.fsdecode(os.fsencode(root / "conf.d") + b"/" + name)).write_text("odd\n")
    (root / "conf.d/debug.log").write_text("left out\n")
    (root / "conf.d/.git").mkdir()
    (root / "conf.d/.git/config").write_text("left out\n")
    return root


@pytest.fixture
def access(tree: Path) -> Callable[..., dict[str, Any]]:
    """Return the arguments by which modules find the tree, below another root when one is given."""

    def arguments(root: Path | None = None) -> dict[str, Any]:
        options: dict[str, Any] = {"paths": [str(tree)], "exclude": ["*.log", "*/.git"]}
        return {"runtime": "host", "options": options | ({"root": str(root)} if root else {})}

    return arguments


def listing(root: Path) -> list[str]:
    """Return what another tool tells of a tree: owners, modes, targets of links, sizes, times."""
    told = [*("!", "-type", "d", "-printf", r"%P %y %m %U %G %l %s %T@\0")]
    told += [*("-o", "-printf", r"%P/ %y %m %U %G %T@\0")]
    found = subprocess.run(["find", ".", *told], cwd=root, check=True, stdout=subprocess.PIPE)
    return sorted(os.fsdecode(found.stdout).split("\0"))


def test_everything_comes_back_below_another_root_and_a_second_restore_changes_nothing(
    tree: Path, workbench: Any, access: Any, tmp_path: Path
) -> None:
    result = workbench.dump(**access())
    assert result["consistency"] == {"kind": "bracketed", "reason": None}
    seen = listing(tree)
    root = tmp_path / "drill"
    assert workbench.restore(**access(root))["changed"]
    assert workbench.differences(**access(root)) == []
    assert not workbench.restore(**access(root))["changed"]
    # Owners, modes, targets, sizes and times, told by another tool than ours.
    left_out = ("socket ", "conf.d/debug.log ", "conf.d/.git")
    assert listing(root / str(tree).lstrip("/")) == [
        line for line in seen if not line.startswith(left_out)
    ]
    assert [path.name for path in root.iterdir()] == [tree.parts[1]]


def test_the_checksums_name_every_file(tree: Path, workbench: Any, access: Any) -> None:
    workbench.dump(**access())
    checksums = workbench.record()["checksums"]
    names = {name.removeprefix(str(tree)).lstrip("/") for name in checksums}
    assert {"", "link", "empty", "pipe", r"conf.d/line\nfeed", r"conf.d/not-utf8-\xff"} <= names
    assert not {"socket", "conf.d/debug.log", "conf.d/.git", "conf.d/.git/config"} & names
    assert checksums[f"{tree}/dangling"]["target"] == "/nowhere/at all"
    assert checksums[f"{tree}/run.sh"]["mode"] == "4755"
    assert checksums[f"{tree}/secret.env"]["uid"] == 4711
    assert "PASSWORD" not in str(checksums)


def test_every_kind_of_change_is_named(tree: Path, workbench: Any, access: Any) -> None:
    workbench.dump(**access())
    (tree / "run.sh").chmod(0o755)
    (tree / "large").write_bytes(b"x" * 3_000_000)
    (tree / "secret.env").chmod(0o644)
    os.chown(tree / "pipe", 1, 0)
    os.setxattr(tree / "compose.yaml", "user.note", b"b")
    os.removexattr(tree / "shared", "system.posix_acl_default")
    (tree / "link").unlink()
    (tree / "dangling").unlink()
    (tree / "dangling").symlink_to("elsewhere")
    (tree / "empty/new").write_text("")
    (tree / "empty/new.log").write_text("left out")
    (tree / "conf.d/deep").touch()
    changes = {
        "run.sh: mode 4755 at backup, 0755 now",
        "large: sha256",
        "secret.env: mode 0600 at backup, 0644 now",
        "pipe: uid 0 at backup, 1 now",
        "compose.yaml: attributes",
        "conf.d/hard-link: attributes",
        "shared: attributes",
        "link: missing",
        "dangling: target /nowhere/at all at backup, elsewhere now",
        "empty/new: not in the backup",
    }
    found = workbench.differences(**access())
    assert len(found) == len(changes), found
    for change in changes:
        assert any(sentence.startswith(f"{tree}/{change}") for sentence in found), change


def test_files_that_differ_are_not_overwritten_unless_told(
    tree: Path, workbench: Any, access: Any
) -> None:
    workbench.dump(**access())
    (tree / "compose.yaml").write_text("precious\n")
    (tree / "link").unlink()
    (tree / "link").mkdir()
    (tree / "link/inside").write_text("precious\n")
    shutil.rmtree(tree / "empty")
    (tree / "empty").write_text("no directory any more\n")
    refused = workbench.restore(**access())
    assert refused["failed"]
    assert "5 files are there already and differ, first" in refused["msg"], refused["msg"]
    assert "refusing to overwrite them without replace" in refused["msg"]
    assert (tree / "compose.yaml").read_text() == "precious\n"
    assert workbench.restore(**access(), replace=True)["changed"]
    assert workbench.differences(**access()) == []
    assert (tree / "conf.d/debug.log").exists(), "what is excluded is none of its business"
    assert not list(Path("/").glob(".janus-restore*"))


def test_what_is_missing_only_is_put_back_without_being_told(
    tree: Path, workbench: Any, access: Any
) -> None:
    workbench.dump(**access())
    shutil.rmtree(tree)
    assert workbench.restore(**access())["changed"]
    assert workbench.differences(**access()) == []


def test_a_damaged_tar_is_refused_before_anything_is_touched(
    tree: Path, workbench: Any, access: Any, tmp_path: Path
) -> None:
    workbench.dump(**access())
    archive = workbench.staging / "files/files.tar"
    archive.write_bytes(archive.read_bytes()[:-1] + b"x")
    refused = workbench.restore(**access(tmp_path / "drill"))
    assert "does not match its sha256" in refused["msg"]
    assert not (tmp_path / "drill").exists()


WRITER = """
import itertools, os, sys
for number in itertools.count():
    with open(sys.argv[1] + ".new", "w") as stream:
        stream.write(f"{number}\\n" * (number % 100 + 1))
    os.replace(sys.argv[1] + ".new", sys.argv[1])
"""


def test_files_that_never_come_to_rest_are_fuzzy_and_the_checksums_are_those_of_the_tar(
    tree: Path, workbench: Any, access: Any, tmp_path: Path
) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tree / "busy")])
    try:
        result = workbench.dump(**access())
    finally:
        writer.kill()
        writer.wait()
    assert result["consistency"]["kind"] == "fuzzy"
    assert "busy" in result["consistency"]["reason"]
    root = tmp_path / "drill"
    workbench.restore(**access(root))
    assert workbench.differences(**access(root)) == []


def test_after_a_kill_in_mid_dump_and_in_mid_restore_the_next_one_works(
    tree: Path, workbench: Any, access: Any, tmp_path: Path
) -> None:
    for number in range(2000):
        (tree / f"conf.d/{number}").write_text(f"{number}\n")
    workbench.kill(workbench.begin_dump(**access()), workbench.partial)
    workbench.cleanup()
    assert workbench.leftovers() == []
    assert workbench.dump(**access())["consistency"]["kind"] == "bracketed"
    root = tmp_path / "drill"
    first = root / str(tree).lstrip("/") / "conf.d/0"
    workbench.kill(workbench.begin_restore(**access(root)), first.exists)
    assert first.read_text() == "0\n"
    assert workbench.restore(**access(root))["changed"]
    assert workbench.differences(**access(root)) == []
    assert [path.name for path in root.iterdir()] == [tree.parts[1]]


def test_check_mode_tells_and_does_nothing(
    tree: Path, workbench: Any, access: Any, tmp_path: Path
) -> None:
    workbench.dump(**access())
    root = tmp_path / "drill"
    told = workbench.restore(**access(root), _ansible_check_mode=True, _ansible_diff=True)
    assert told["changed"]
    assert "missing" in told["diff"]["after"]
    assert not root.exists()
