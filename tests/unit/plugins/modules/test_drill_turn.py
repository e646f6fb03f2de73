# SPDX-License-Identifier: GPL-3.0-or-later
"""Who comes after others waits for them, and is blocked by one that was not restored."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from ansible_collections.janus.backup.plugins.module_utils._files import write_atomically
from ansible_collections.janus.backup.plugins.modules import drill_turn


def test_a_service_goes_on_once_all_before_it_are_good(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("good")
    later = threading.Timer(0.3, lambda: write_atomically(tmp_path / "b", "good"))
    began = time.monotonic()
    later.start()
    assert drill_turn.blocked(tmp_path, ["a", "b"], 30) == ""
    assert time.monotonic() - began >= 0.3


def test_a_service_is_blocked_by_one_that_was_not_restored(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("bad")
    sentence = drill_turn.blocked(tmp_path, ["a", "never"], 30)
    assert sentence == "a, on which it depends, was not restored"


def test_a_service_does_not_wait_for_ever(tmp_path: Path) -> None:
    sentence = drill_turn.blocked(tmp_path, ["a"], 0.1)
    assert sentence == "a, on which it depends, did not end within 0.1 s"


def test_a_service_without_others_before_it_waits_for_nobody(tmp_path: Path) -> None:
    assert drill_turn.blocked(tmp_path / "none", [], 0) == ""
