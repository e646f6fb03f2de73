#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks: the product against its alternatives on the same data, in the same run.

`run` measures and writes benchmarks/results/<size>.json, `page` makes docs/benchmarks.md of all
results. Called by `make bench` and `make bench-quick`; needs what `make demo` needs.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import sys
import time

from _bench import page, results, tools
from _bench.figures import GROUPS, Figure
from _bench.stack import SIZES

QUICK = ("postgresql", "repository")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    actions = result.add_subparsers(dest="action", required=True, metavar="ACTION")
    run = actions.add_parser("run", help="measure, and write the results")
    run.add_argument("--size", choices=SIZES, default="M", help="how much data (%(default)s)")
    run.add_argument("--rounds", type=int, default=3, help="at least three (%(default)s)")
    run.add_argument("--quick", action="store_true", help="only what is done in ten minutes")
    run.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}")
    actions.add_parser("page", help="make the page of the results that are there")
    return result


def show(figure: Figure) -> None:
    """Print one figure."""
    peer = f" against {figure.against}: ratio {figure.ratio:.2f}" if figure.ratio else ""
    verdict = {True: ": met", False: ": NOT met", None: ""}[figure.met]
    goal = f", goal {figure.wanted}{verdict}" if figure.wanted else ""
    print(f"  {figure.what}: {figure.value:.2f} {figure.unit}{peer}{goal}", flush=True)


def run(size: str, rounds: int, groups: list[str]) -> int:
    """Measure the groups one after the other; return 1 if one could not be measured."""
    programs = tools.install()
    failed = []
    for group in groups:
        print(f"== {group}, size {size}", flush=True)
        module = importlib.import_module(f"_bench.measure_{group}")
        began = time.monotonic()
        try:
            entry = results.record(
                functools.partial(module.measure, size, rounds, programs), rounds, programs
            )
        except (RuntimeError, OSError) as problem:
            print(f"  not measured: {problem}", file=sys.stderr, flush=True)
            failed.append(group)
            continue
        results.write(size, group, entry)
        for plain in entry["figures"]:
            show(Figure.read(plain))
        print(f"  ({time.monotonic() - began:.0f} s)", flush=True)
    if failed:
        print(f"not measured: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def main() -> int:
    """Do what the command line asks for."""
    arguments = parser().parse_args()
    if arguments.action == "page":
        page.write()
        return 0
    if unknown := sorted(set(arguments.groups) - set(GROUPS)):
        parser().error(f"no group {', '.join(unknown)}: there are {', '.join(GROUPS)}")
    if arguments.rounds < 1:
        parser().error("at least one round")
    return run(
        arguments.size,
        arguments.rounds,
        arguments.groups or list(QUICK if arguments.quick else GROUPS),
    )


if __name__ == "__main__":
    sys.exit(main())
