# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that is attached now and then, known by its file system; here a loop device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from testinfra.host import Host

UUID = "0b6c0d4e-52f5-4f0a-8d1c-5f0e3f1c2a77"
IMAGE = "/root/disk"


def _allow(node: Host) -> None:
    """Let the host and what runs in it use loop devices, as a real host may."""
    # A group never has more than the one above it, so that one comes first.
    node.check_output(
        "find /sys/fs/cgroup/devices -name devices.allow -printf '%d %p\\n'"
        " | sort -n | cut -d' ' -f2"
        " | while read -r file; do echo 'b 7:* rwm' >$file; echo 'c 10:237 rwm' >$file; done"
    )
    node.check_output(
        "for number in $(seq 0 15); do"
        " test -b /dev/loop$number || mknod /dev/loop$number b 7 $number; done"
    )
    node.check_output("test -c /dev/loop-control || mknod /dev/loop-control c 10 237")


@pytest.fixture
def loop(node: Host) -> Iterator[str]:
    """A disk with the file system that the target names."""
    _allow(node)
    node.check_output(f"truncate -s 500M {IMAGE}")
    device = str(node.check_output(f"losetup --find --show {IMAGE}"))
    try:
        node.check_output(f"mkfs.ext4 -q -U {UUID} {device}")
        yield device
    finally:
        node.check_output(f"losetup --detach {device} && rm {IMAGE}")


def _mounted(node: Host, device: str) -> str:
    listing = f"grep -l '^{device} ' /proc/[0-9]*/mounts 2>/dev/null || true"
    return str(node.check_output(listing))


def test_a_disk_that_is_not_attached_is_no_success(copy: Any, state: Any) -> None:
    assert copy("safe") == 75
    assert state("safe")["status"] == "absent"
    assert "is not attached" in state("safe")["sentence"]
    assert "last_success" not in state("safe")


def test_a_disk_is_mounted_for_the_copy_only(
    node: Host, loop: str, copy: Any, state: Any, ended: Any, edited: Any, wait: Any
) -> None:
    with edited("safe", "bandwidth", "2M"):
        node.check_output("systemctl start --no-block 'janus-backup-offsite@safe.service'")
        wait("the disk to be mounted", lambda: _mounted(node, loop))
        # Not even on the host itself: in the unit's own mount namespace.
        assert loop not in node.file("/proc/1/mounts").content_string
        node.check_output("systemctl kill --signal=KILL 'janus-backup-offsite@safe.service'")
        ended("safe")
        assert _mounted(node, loop) == ""
    assert copy("safe") == 0
    assert state("safe")["status"] == "copied", state("safe")["sentence"]
    assert _mounted(node, loop) == ""
    node.check_output(
        f"mount -o ro {loop} /mnt && test -s /mnt/janus-backup/copy.json && umount /mnt"
    )
