# SPDX-License-Identifier: GPL-3.0-or-later
"""After a backup the repository is off-site, and is proved there without the node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host


def test_a_backup_is_followed_by_its_copy(back_up: Callable[[], None], state: Any) -> None:
    back_up()
    assert state("vault")["status"] == "copied", state("vault")["sentence"]
    assert state("vault")["bytes"] > 1_000_000


def test_a_copy_of_nothing_new_moves_nothing(copy: Any, state: Any) -> None:
    before = state("vault")
    assert copy("vault") == 0
    assert state("vault")["status"] == "current"
    assert state("vault")["bytes_moved"] == before["bytes_moved"]


def test_a_path_gets_the_same_copy(node: Host, copy: Any, state: Any) -> None:
    assert copy("nas") == 0
    assert state("nas")["status"] == "copied"
    metrics = node.file("/var/lib/metrics/janus_backup_offsite_nas.prom").content_string
    assert 'janus_backup_offsite_ok{target="nas",type="path"} 1' in metrics


def test_the_copy_is_proved_without_the_node(drill_host: Host, state: Any) -> None:
    drill_host.check_output(f"systemctl start {VERIFY}")
    found = state("vault-verify", drill_host)
    assert found["status"] == "proven", found["sentence"]
    assert found["objects"] > 3


VERIFY = "janus-backup-offsite-verify@vault.service"


@pytest.fixture
def _damaged_copy(drill_host: Host) -> None:
    """Flip a byte in what was fetched, keeping its size and time: rclone must notice."""
    drill_host.check_output(
        "cd /var/lib/janus-backup/offsite/vault/data/0 && largest=$(ls -S | head -1)"
        " && touch -r $largest /tmp/time && printf 'X' | dd of=$largest bs=1 seek=5000"
        " conv=notrunc status=none && touch -r /tmp/time $largest"
    )


@pytest.mark.usefixtures("_damaged_copy")
def test_what_was_fetched_before_is_compared_by_its_checksum(drill_host: Host, state: Any) -> None:
    drill_host.check_output(f"systemctl start {VERIFY}")
    assert state("vault-verify", drill_host)["bytes_moved"] > 0


def _flip(node: Host) -> Callable[[], None]:
    """Flip one byte in the middle of the repository's largest file. Return how to undo it."""
    path = node.check_output(
        "find /var/backups/janus.borg/data -type f -printf '%s %p\\n'"
        " | sort -n | tail -1 | cut -d' ' -f2"
    )
    node.check_output(
        f"cp -p {path} /root/kept && printf '\\125' | dd of={path} bs=1 seek=10000"
        " conv=notrunc status=none"
    )
    return lambda: node.check_output(f"mv /root/kept {path}")


def test_a_damaged_repository_does_not_reach_the_copy(
    node: Host, back_up: Callable[[], None], copy: Any, state: Any
) -> None:
    back_up()
    undo = _flip(node)
    try:
        assert copy("nas") == 1
        assert "refusing to copy a damaged repository" in state("nas")["sentence"]
    finally:
        undo()
    assert copy("nas") == 0
    assert state("nas")["status"] == "copied"
