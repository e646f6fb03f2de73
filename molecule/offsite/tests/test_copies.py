# SPDX-License-Identifier: GPL-3.0-or-later
"""After a backup the repository is off-site, and is proved there without the node."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host

UNIT = "janus-backup-offsite@{}.service"


def state(node: Host, target: str = "vault") -> dict[str, Any]:
    """Return what the node knows of a target."""
    text = node.file(f"/var/lib/janus-backup/offsite/{target}.json").content_string
    found: dict[str, Any] = json.loads(text)
    return found


def wait(node: Host, unit: str, seconds: float = 120) -> None:
    """Wait for the end of a unit."""
    deadline = time.monotonic() + seconds
    show = f"systemctl show --property=ActiveState --value '{unit}'"
    while node.check_output(show) in ("activating", "deactivating"):
        assert time.monotonic() < deadline, f"{unit} still runs"
        time.sleep(0.1)


def test_a_backup_is_followed_by_its_copy(play: Any, node: Host) -> None:
    play("backup", target="janus1")
    wait(node, UNIT.format("vault"))
    assert state(node)["status"] == "copied", state(node)["sentence"]
    assert state(node)["bytes"] > 1_000_000


def test_a_copy_of_nothing_new_moves_nothing(node: Host) -> None:
    before = state(node)
    node.check_output(f"systemctl start '{UNIT.format('vault')}'")
    assert state(node)["status"] == "current"
    assert state(node)["bytes_moved"] == before["bytes_moved"]


def test_a_path_gets_the_same_copy(node: Host) -> None:
    node.check_output(f"systemctl start '{UNIT.format('nas')}'")
    assert state(node, "nas")["status"] == "copied"
    metrics = node.file("/var/lib/metrics/janus_backup_offsite_nas.prom").content_string
    assert 'janus_backup_offsite_ok{target="nas",type="path"} 1' in metrics


def test_the_copy_is_proved_without_the_node(drill_host: Host) -> None:
    drill_host.check_output("systemctl start 'janus-backup-offsite-verify@vault.service'")
    found = state(drill_host, "vault-verify")
    assert found["status"] == "proven", found["sentence"]
    assert found["objects"] > 3


@pytest.fixture
def _damaged_copy(drill_host: Host) -> None:
    """Flip a byte in what was fetched, keeping its size and time: rclone must notice."""
    drill_host.check_output(
        "cd /var/lib/janus-backup/offsite/vault/data/0 && largest=$(ls -S | head -1)"
        " && touch -r $largest /tmp/time && printf 'X' | dd of=$largest bs=1 seek=5000"
        " conv=notrunc status=none && touch -r /tmp/time $largest"
    )


@pytest.mark.usefixtures("_damaged_copy")
def test_what_was_fetched_before_is_compared_by_its_checksum(drill_host: Host) -> None:
    drill_host.check_output("systemctl start 'janus-backup-offsite-verify@vault.service'")
    assert state(drill_host, "vault-verify")["bytes_moved"] > 0


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


def test_a_damaged_repository_does_not_reach_the_copy(play: Any, node: Host) -> None:
    play("backup", target="janus1")
    wait(node, UNIT.format("vault"))
    undo = _flip(node)
    try:
        assert node.run(f"systemctl start '{UNIT.format('nas')}'").rc != 0
        assert "refusing to copy a damaged repository" in state(node, "nas")["sentence"]
    finally:
        undo()
    node.check_output(f"systemctl start '{UNIT.format('nas')}'")
    assert state(node, "nas")["status"] == "copied"
