# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that never look finished before they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.janus.backup.plugins.module_utils import _files
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def test_a_failed_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "manifest"
    path.write_text("old")

    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_files.os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        _files.write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("x")
    path.chmod(0o644)
    with pytest.raises(BackupError, match="others than its owner"):
        _files.read_secret(path)


def test_a_missing_secret_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="cannot read the secret"):
        _files.read_secret(tmp_path / "nosuch")


def test_a_secret_keeps_its_inner_spaces(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(" a b \n")
    path.chmod(0o600)
    assert _files.read_secret(path) == " a b "


def test_too_little_space_is_said_with_both_numbers(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"no space for the dump: 1000000000000000 MB needed"):
        _files.require_space(tmp_path, 10**21, "the dump")
