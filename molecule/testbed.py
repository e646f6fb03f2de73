#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test bed: images for the tests, and hosts with systemd and their own Docker to run them on.

Needs nothing but Python's standard library and root on Debian 12; everything else it installs.
"""

from __future__ import annotations

import argparse
import sys

from _testbed import beds, engine, images
from _testbed.command import TestbedError


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, one subcommand per action."""
    result = argparse.ArgumentParser(description=__doc__)
    actions = result.add_subparsers(dest="action", required=True, metavar="ACTION")

    actions.add_parser("engine", help="install Docker and debootstrap and start dockerd if missing")

    build = actions.add_parser("images", help="build the images that are missing or out of date")
    build.add_argument("names", nargs="*", metavar="NAME", help="default: every image")

    up = actions.add_parser("up", help="bring up a bed of hosts and write its inventory")
    up.add_argument("bed", metavar="BED")
    up.add_argument("hosts", nargs="+", metavar="HOST[:IMAGE,IMAGE…]")

    down = actions.add_parser("down", help="remove a bed: containers, volumes, network, files")
    down.add_argument("bed", metavar="BED")

    for action, summary in (
        ("stop", "power a host off"),
        ("start", "power a host on"),
        ("lose", "lose a host with all its data"),
    ):
        power = actions.add_parser(action, help=summary)
        power.add_argument("bed", metavar="BED")
        power.add_argument("host", metavar="HOST")
    return result


def act(arguments: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    if arguments.action == "down":
        beds.down(arguments.bed)
        return
    engine.ensure()
    if arguments.action == "images":
        images.ensure(arguments.names or images.known())
    elif arguments.action == "up":
        beds.up(arguments.bed, [beds.parse_host(text) for text in arguments.hosts])
    elif arguments.action == "stop":
        beds.stop(arguments.bed, arguments.host)
    elif arguments.action == "start":
        beds.start(arguments.bed, arguments.host)
    elif arguments.action == "lose":
        beds.lose(arguments.bed, arguments.host)


def main() -> int:
    """Run one action; return 1 and say why when it failed."""
    try:
        act(parser().parse_args())
    except TestbedError as error:
        print(f"testbed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
