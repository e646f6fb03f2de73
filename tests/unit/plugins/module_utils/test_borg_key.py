# SPDX-License-Identifier: GPL-3.0-or-later
"""A key is kept only if it opens its repository; with a borg that has a key and a lock in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils import _borg, _borg_key
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

BORG = """#!/bin/sh
cd "$BORG_BASE_DIR" || exit
case "$*" in
*"key export"*) cat key ;;
*) cmp -s key lock || exit 52 ;;
esac
"""


@pytest.fixture
def access(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(_borg.sys, "executable", str(tmp_path / "python"))
    (tmp_path / "borg").write_text(BORG, encoding="utf-8")
    (tmp_path / "borg").chmod(0o755)
    change(tmp_path, "BORG_KEY one\n", "key", "lock")
    return {"passphrase_file": "p", "base_directory": str(tmp_path)}


def change(directory: Path, text: str, *names: str) -> None:
    for name in names:
        (directory / name).write_text(text, encoding="utf-8")


def test_a_key_is_kept_for_its_owner_only_and_once(access: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "keys/local"
    first = _borg_key.keep(access, "/r", path)
    assert first["changed"]
    assert path.read_text(encoding="utf-8") == "BORG_KEY one\n"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert _borg_key.keep(access, "/r", path) == {**first, "changed": False}


def test_a_changed_key_replaces_the_one_before(access: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "local"
    first = _borg_key.keep(access, "/r", path)
    change(tmp_path, "BORG_KEY two\n", "key", "lock")
    second = _borg_key.keep(access, "/r", path)
    assert second["changed"]
    assert second["fingerprint"] != first["fingerprint"]
    assert path.read_text(encoding="utf-8") == "BORG_KEY two\n"


def test_a_key_that_opens_nothing_replaces_no_good_one(
    access: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "local"
    _borg_key.keep(access, "/r", path)
    change(tmp_path, "noise\n", "key")
    with pytest.raises(BackupError, match=r"refusing .* passphrase is wrong.* is left as it is"):
        _borg_key.keep(access, "/r", path)
    assert path.read_text(encoding="utf-8") == "BORG_KEY one\n"


def test_check_mode_tells_and_writes_nothing(access: dict[str, Any], tmp_path: Path) -> None:
    assert _borg_key.keep(access, "/r", tmp_path / "local", write=False)["changed"]
    assert not (tmp_path / "local").exists()
