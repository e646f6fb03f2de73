# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of one per cent moves little more than the repository grew by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).parents[1] / "measure.py"


def test_what_is_moved_is_at_most_one_and_a_half_times_what_was_added(python: Any) -> None:
    done = python(PROGRAM.read_text(encoding="utf-8"))
    assert done.rc == 0, done.stderr
    measured = json.loads(done.stdout.splitlines()[-1])
    print(f"\noff-site after three changes of 1 %, pruned and compacted: {measured}")
    assert measured["moved_per_growth"] <= 1.5
    assert measured["ratio"] <= 1.1
