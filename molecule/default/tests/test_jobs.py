# SPDX-License-Identifier: GPL-3.0-or-later
"""Several jobs of one node share a repository without fighting for it."""

from __future__ import annotations

import time

import pytest
from testinfra.host import Host

UNITS = ("janus-backup-nightly.service", "janus-backup-databases.service")


def test_two_jobs_started_at_once_both_succeed(node: Host) -> None:
    node.check_output(f"systemctl start --no-block {' '.join(UNITS)}")
    deadline = time.monotonic() + 600
    show = f"systemctl show --property=ActiveState --value {' '.join(UNITS)}"
    while "activating" in node.check_output(show):
        if time.monotonic() > deadline:
            pytest.fail(f"they still run: {node.check_output(show)}")
        time.sleep(0.5)
    for unit in UNITS:
        result = node.check_output(f"systemctl show --property=Result --value {unit}")
        assert result == "success", node.check_output(f"journalctl --unit={unit} --lines=60")


def test_the_units_are_hardened(node: Host) -> None:
    for unit in UNITS:
        told = node.run(f"systemd-analyze security --no-pager {unit} | tail -1").stdout
        print(told)
        assert float(told.split(":")[1].split()[0]) < 3.0
