# SPDX-License-Identifier: GPL-3.0-or-later
"""How long Borg is waited for when somebody else holds the lock; with a borg that only counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils import _borg
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

# Ends with Borg's exit code for a lock that others hold, so many times.
BORG = """#!/bin/sh
echo "$@" >>"$BORG_BASE_DIR/calls"
test "$(wc -l <"$BORG_BASE_DIR/calls")" -gt %d || exit 73
echo done
"""


@pytest.fixture
def access(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(_borg.sys, "executable", str(tmp_path / "python"))
    return {"passphrase_file": "p", "base_directory": str(tmp_path)}


def install(access: dict[str, Any], locked: int) -> None:
    path = Path(access["base_directory"], "borg")
    path.write_text(BORG % locked, encoding="utf-8")
    path.chmod(0o755)


def calls(access: dict[str, Any]) -> list[str]:
    return Path(access["base_directory"], "calls").read_text(encoding="utf-8").splitlines()


def test_a_lock_is_looked_at_again_within_seconds(access: dict[str, Any]) -> None:
    install(access, locked=2)
    assert _borg.run(access, ["list", "/r"]) == "done\n"
    assert calls(access) == ["--lock-wait 10 list /r"] * 3


def test_a_lock_that_is_never_free_ends_the_waiting(access: dict[str, Any]) -> None:
    install(access, locked=10**9)
    with pytest.raises(BackupError, match="another process holds the repository's lock"):
        _borg.run({**access, "lock_wait": 0.3}, ["list", "/r"])
    assert len(calls(access)) > 1


def test_another_failure_is_not_tried_again(access: dict[str, Any]) -> None:
    path = Path(access["base_directory"], "borg")
    path.write_text(BORG.replace("exit 73", "exit 2") % 99, encoding="utf-8")
    path.chmod(0o755)
    with pytest.raises(BackupError, match="cannot list /r: Borg failed"):
        _borg.run(access, ["list", "/r"])
    assert len(calls(access)) == 1
