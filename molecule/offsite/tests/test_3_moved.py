# SPDX-License-Identifier: GPL-3.0-or-later
"""What is moved off-site is what the repository grew by, or what compaction wrote anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from testinfra.host import Host

PROGRAM = Path(__file__).parents[1] / "measure.py"
BORG = (
    "BORG_BASE_DIR=/var/lib/janus-backup/borg BORG_PASSCOMMAND='cat /etc/janus-backup/passphrase' "
    "/opt/janus-backup/venv/bin/borg"
)
REPOSITORY = "/var/backups/janus.borg"
CHUNKER = "--chunker-params buzhash,10,23,14,4095 --compression none"
MIB = 1024 * 1024


def test_a_change_of_one_per_cent_moves_what_the_repository_grew_by(
    node: Host, copy: Any, state: Any
) -> None:
    archive = f"{BORG} create {CHUNKER} {REPOSITORY}::large-%s-$(date +%%s) /root/large"
    node.check_output("head -c 50M /dev/urandom >/root/large")
    node.check_output(archive % "before")
    assert copy("vault") == 0
    before = state("vault")["bytes"]
    node.check_output(
        "dd if=/dev/urandom of=/root/large bs=512K count=1 seek=40 conv=notrunc status=none"
    )
    node.check_output(archive % "after")
    assert copy("vault") == 0
    grown = state("vault")["bytes"] - before
    moved = state("vault")["bytes_moved"]
    print(f"\n0.5 of 50 MiB changed: the repository grew by {grown} bytes, {moved} were moved")
    assert grown >= MIB / 2
    assert moved <= 1.1 * grown


def _measured(python: Any, arguments: str) -> dict[str, Any]:
    done = python(PROGRAM.read_text(encoding="utf-8"), arguments)
    assert done.rc == 0, done.stderr
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"\noff-site after changes of 1 %, pruned and compacted: {measured}")
    return measured


def test_with_compaction_one_and_a_half_times_the_growth_is_moved_at_most(python: Any) -> None:
    measured = _measured(python, "--rounds 2 --pieces 5")
    assert measured["moved_per_growth"] <= 1.1
    assert measured["all_moved_per_growth"] <= 1.5


def test_what_compaction_wrote_anew_is_moved_once(python: Any) -> None:
    measured = _measured(python, "--rounds 1 --pieces 25 --threshold 0")
    # All of it, so that the few bytes of the repository's own files do not count.
    assert measured["rewritten"] > 100_000_000
    assert measured["moved_per_rewritten"] <= 1.1
