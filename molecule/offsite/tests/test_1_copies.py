# SPDX-License-Identifier: GPL-3.0-or-later
"""After a backup the repository is off-site, and is proved there without the node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host

PYTHON = (
    "PATH=/opt/janus-backup/venv/bin:$PATH PYTHONPATH=/opt/janus-backup/collections "
    "/opt/janus-backup/venv/bin/python"
)
MODULES = "ansible_collections.janus.backup.plugins.module_utils"
STATE = "/var/lib/janus-backup/offsite"
VERIFY = "janus-backup-offsite-verify@vault.service"
RCLONE = (
    "/opt/janus-backup/venv/bin/rclone --config /etc/janus-backup/offsite/rclone.conf --retries 1"
)
REPOSITORY = "/var/backups/janus.borg"
PLACE = "vault:janus1/copies/repository"


def test_a_backup_is_followed_by_its_copy(back_up: Callable[[], None], state: Any) -> None:
    back_up()
    assert state("vault")["status"] == "copied", state("vault")["sentence"]
    assert state("vault")["bytes"] > 1_000_000


def test_timers_start_copies_and_proofs(
    node: Host, drill_host: Host, state: Any, wait: Any
) -> None:
    for host, unit, calendar, name in (
        (node, "janus-backup-offsite@nas", "*-01-01 00:00:00", "nas"),
        (drill_host, "janus-backup-offsite-verify@vault", "Mon *-*-* 00:00:00", "vault-verify"),
    ):
        show = f"systemctl show '{unit}.timer' --property=TimersCalendar"
        assert f"OnCalendar={calendar}" in host.check_output(show)
        folder = f"/run/systemd/system/{unit}.timer.d"
        host.check_output(
            f"mkdir -p '{folder}' && printf '[Timer]\\nOnCalendar=\\nOnCalendar=*:*:0/3\\n"
            f"RandomizedDelaySec=0\\nAccuracySec=1us\\n' >'{folder}/often.conf'"
            f" && systemctl daemon-reload && systemctl restart '{unit}.timer'"
        )
        try:
            path = f"{STATE}/{name}.json"
            wait(f"{unit}.timer", lambda: host.file(path).exists)  # noqa: B023
        finally:
            host.check_output(
                f"rm -r '{folder}' && systemctl daemon-reload && systemctl restart '{unit}.timer'"
            )
        wait(
            "its unit to end",
            lambda: (
                host.run(f"systemctl is-active '{unit}.service'").stdout.strip()  # noqa: B023
                != "activating"
            ),
        )
        assert "last_success" in state(name, host), state(name, host)["sentence"]


def test_a_copy_of_nothing_new_moves_nothing(copy: Any, state: Any) -> None:
    before = state("vault")
    assert copy("vault") == 0
    assert state("vault")["status"] == "current"
    assert state("vault")["bytes_moved"] == before["bytes_moved"]


def test_a_path_gets_the_same_copy(node: Host, copy: Any, state: Any) -> None:
    assert copy("nas") == 0
    assert state("nas")["status"] in ("copied", "current")
    # Borg's lock, taken for the copy to the vault, has written more since.
    differing = node.run(f"diff -r {REPOSITORY}/data /mnt/nas/repository/data").stdout
    assert [
        line for line in differing.splitlines() if not line.startswith(f"Only in {REPOSITORY}")
    ] == []


@pytest.mark.parametrize("target", ["vault", "nas", "repository_server"])
def test_each_target_has_its_metrics(node: Host, state: Any, target: str) -> None:
    known = state(target)
    kind = known["type"]
    lines = node.file(f"/var/lib/metrics/janus_backup_offsite_{target}.prom").content_string
    labels = f'{{target="{target}",type="{kind}"}}'
    told = {
        line.split(labels)[0]: float(line.split(labels)[1])
        for line in lines.splitlines()
        if labels in line
    }
    prefix = "janus_backup_offsite"
    assert told[f"{prefix}_ok"] == 1
    now = float(node.check_output("date +%s"))
    assert 0 <= now - told[f"{prefix}_last_success_timestamp_seconds"] < 900
    assert 0 <= told[f"{prefix}_age_seconds"] < 900
    assert told[f"{prefix}_moved_bytes"] == known["bytes_moved"] > 0
    if kind != "repository":
        assert told[f"{prefix}_bytes"] == known["bytes"] > 1_000_000
        place = {"vault": PLACE, "nas": "/mnt/nas/repository"}[target]
        listing = node.check_output(f"{RCLONE} lsf --recursive --files-only {place}")
        assert told[f"{prefix}_objects"] == known["objects"] == len(listing.splitlines())
        assert told[f"{prefix}_seconds"] == known["seconds"] > 0


def test_the_copy_is_proved_without_the_node(drill_host: Host, state: Any) -> None:
    drill_host.check_output(f"systemctl start {VERIFY}")
    found = state("vault-verify", drill_host)
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
def test_what_was_fetched_before_is_compared_by_its_checksum(drill_host: Host, state: Any) -> None:
    drill_host.check_output(f"systemctl start {VERIFY}")
    assert state("vault-verify", drill_host)["bytes_moved"] > 0


@pytest.mark.parametrize("fault", ["corrupted", "missing"])
def test_an_object_that_is_not_what_was_copied_is_found_without_the_node(
    node: Host, drill_host: Host, state: Any, spoilt: Any, largest: Any, fault: str
) -> None:
    # As the node's own user: what is planted has the size and time of what it replaces.
    path = largest(node, f"{REPOSITORY}/data")
    relative = path.removeprefix(f"{REPOSITORY}/")
    if fault == "missing":
        node.check_output(f"{RCLONE} deletefile {PLACE}/{relative}")
    else:
        node.check_output(f"cp -p {path} /root/segment")
        with spoilt(node, "/root/segment"):
            node.check_output(f"{RCLONE} copyto --ignore-times /root/segment {PLACE}/{relative}")
        node.check_output("rm /root/segment")
    assert drill_host.run(f"systemctl start {VERIFY}").rc != 0
    found = state("vault-verify", drill_host)
    assert found["status"] == "failed"
    if fault == "missing":
        assert f"are not what the copy says to hold, {relative} first" in found["sentence"]
    else:
        assert "cannot check" in found["sentence"]
    # What puts it right, on the node.
    command = f"{PYTHON} -m {MODULES}._offsite /etc/janus-backup/offsite/vault.yml --accept-loss"
    node.check_output(command)
    assert 0 < state("vault")["objects_moved"] < state("vault")["objects"]
    drill_host.check_output(f"systemctl start {VERIFY}")
    assert state("vault-verify", drill_host)["status"] == "proven"


def test_a_damaged_repository_does_not_reach_the_copy(
    node: Host, something_new: Any, copy: Any, state: Any, spoilt: Any, largest: Any
) -> None:
    something_new(1)
    with spoilt(node, largest(node, f"{REPOSITORY}/data")):
        assert copy("nas") == 1
        assert "refusing to copy a damaged repository" in state("nas")["sentence"]
    assert copy("nas") == 0
    assert state("nas")["status"] == "copied"
