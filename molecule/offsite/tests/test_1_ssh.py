# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory on another host, which takes files by SFTP and is known by its host key."""

from __future__ import annotations

from typing import Any

import pytest
from testinfra.host import Host

KEY = "/etc/janus-backup/offsite/friend.key.pub"
KNOWN = "/etc/janus-backup/offsite/friend.known_hosts"
VERIFY = "janus-backup-offsite-verify@friend.service"
COPIES = "/home/friend/copies/janus1"


def test_a_host_that_does_not_know_the_key_is_named(copy: Any, state: Any) -> None:
    assert copy("friend") == 1
    assert state("friend")["status"] == "keys", state("friend")["sentence"]
    assert "the target does not know these keys" in state("friend")["sentence"]


@pytest.fixture(scope="module")
def _admitted(node: Host, drill_host: Host, vault: Host) -> None:
    """Do what the other host's operator does: let the public keys in, for SFTP only."""
    lines = "".join(
        f'restrict,command="internal-sftp" {host.file(KEY).content_string.strip()}\\n'
        for host in (node, drill_host)
    )
    keys = "/home/friend/.ssh/authorized_keys"
    vault.check_output(f"printf '{lines}' >{keys} && chown friend: {keys}")


@pytest.mark.usefixtures("_admitted")
def test_another_host_gets_the_copy(vault: Host, copy: Any, state: Any) -> None:
    assert copy("friend") == 0
    found = state("friend")
    assert found["status"] == "copied", found["sentence"]
    sizes = vault.check_output(f"find {COPIES}/repository -type f -printf '%s\\n'").split()
    assert (len(sizes), sum(map(int, sizes))) == (found["objects"], found["bytes"])
    assert copy("friend") == 0
    assert state("friend")["status"] == "current"


@pytest.mark.usefixtures("_admitted")
def test_a_host_with_another_key_gets_nothing(node: Host, copy: Any, state: Any) -> None:
    other = node.check_output("cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub")
    address = node.file(KNOWN).content_string.split()[0]
    node.check_output(f"cp -p {KNOWN} /root/known && echo '{address} {other}' >{KNOWN}")
    try:
        assert copy("friend") == 1
        assert state("friend")["status"] == "keys"
        assert "the target has another host key" in state("friend")["sentence"]
    finally:
        node.check_output(f"mv /root/known {KNOWN}")


@pytest.mark.usefixtures("_admitted")
def test_a_copy_over_ssh_is_proved_and_damage_in_it_is_found(
    vault: Host, drill_host: Host, state: Any, spoilt: Any, largest: Any
) -> None:
    drill_host.check_output(f"systemctl start {VERIFY}")
    assert state("friend-verify", drill_host)["status"] == "proven"
    # A byte that rots changes neither size nor time.
    with spoilt(vault, largest(vault, f"{COPIES}/repository/data")):
        assert drill_host.run(f"systemctl start {VERIFY}").rc != 0
        assert state("friend-verify", drill_host)["status"] == "failed"
        assert "cannot check" in state("friend-verify", drill_host)["sentence"]
    drill_host.check_output(f"systemctl start {VERIFY}")
    assert state("friend-verify", drill_host)["status"] == "proven"
