# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a host of the bed, as tests read it."""

from __future__ import annotations

from testinfra.host import Host


def read(host: Host, options: str) -> str:
    """Given a host and options of journalctl, return the messages that it shows.

    A unit may end before journald has read its last words from the socket: wait until it did.
    """
    return str(host.check_output(f"journalctl --sync && journalctl --quiet --output=cat {options}"))
