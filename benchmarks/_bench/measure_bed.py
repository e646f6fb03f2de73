# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs, as an operator has them: the job's unit on a node, a drill on another host, and the
playbook that provisions both, each beside the same by hand.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import bed, machine
from .figures import Figure, interleaved, timed

# Nights and memory are measured at every size, for how they grow with the data; drills where there
# is a goal for them; what does not depend on the data where there are few.
DRILLED = ("XS", "M")
WHOLE = ("XS",)


def slowest_dump(inside: Mapping[str, Sequence[float]]) -> str:
    """Given the seconds of each service's dumps, return which took longest, in words."""
    medians = {name: statistics.median(taken) for name, taken in inside.items()}
    name = max(medians, key=lambda name: medians[name])
    return f"{name}, {medians[name]:.1f} s"


def worth(worked: Mapping[str, Sequence[float]]) -> str:
    """Given for how many seconds the processors worked on each side, say what that means."""
    ours, theirs = (statistics.median(worked[name]) for name in ("janus.backup", "by hand"))
    cores = os.cpu_count() or 1
    return (
        f"The processors worked for {ours:.0f} s, by hand for {theirs:.0f} s: {cores} of them"
        f" cannot do even that in less than {theirs / cores:.0f} s"
    )


def measure(size: str, rounds: int, tools: dict[str, str]) -> tuple[list[Figure], dict[str, Any]]:
    """Return the figures of whole runs."""
    night = bed.Night(size)
    night.down()
    try:
        night.up()
        return _measure(size, rounds, night)
    finally:
        night.down()


def _measure(size: str, rounds: int, night: bed.Night) -> tuple[list[Figure], dict[str, Any]]:
    first, _changed, _slowest = bed.provision("site-first")
    print(f"    site.yml {first:.1f} s", flush=True)
    # Neither side's first run counts: images are saved, repositories checked for the first time.
    peaks = night.memory()
    night.by_hand(night.types)
    night.by_hand_seconds.clear()
    print(f"    peaks {peaks}", flush=True)
    figures, details = _nights(size, rounds, night)
    figures += _memory(peaks)
    if size in DRILLED:
        drill, details["drill_seconds"] = _drills(rounds, night)
        figures.append(drill)
    if size in WHOLE:
        figures += _ways(rounds, night)
        again, details["site_again_slowest"] = _site_again(rounds, first)
        figures.append(again)
    return figures, details


def _nights(size: str, rounds: int, night: bed.Night) -> tuple[list[Figure], dict[str, Any]]:
    nights: dict[str, list[float]] = {"janus.backup": [], "by hand": []}
    inside: dict[str, list[float]] = {}
    steps: dict[str, list[float]] = {}
    worked: dict[str, list[float]] = {name: [] for name in nights}

    def watched(name: str, action: Callable[[], float]) -> Callable[[], float]:
        def run() -> float:
            before = machine.busy()
            seconds = action()
            worked[name].append(round(machine.busy() - before, 1))
            return seconds

        return run

    ways = [
        ("janus.backup", watched("janus.backup", night.product)),
        ("by hand", watched("by hand", lambda: night.by_hand(night.types))),
    ]
    for number in range(rounds):
        night.change()
        values = interleaved(dict(ways[:: -1 if number % 2 else 1]), 1)
        for name, taken in values.items():
            nights[name] += taken
        for name, noted in night.status()["services"].items():
            inside.setdefault(name, []).append(noted["seconds"])
        for name, seconds in night.steps().items():
            steps.setdefault(name, []).append(seconds)
    small = size == "XS"  # "nearly empty": elsewhere only the ratio says something
    figure = Figure(
        "nightly",
        "nightly run, all services, dump to archive",
        "s",
        nights["janus.backup"],
        "raw tools one after the other, then borg create",
        nights["by hand"],
        goal=1 if small else 0.75,
        allowance=8 if small else 0,
        note=f"of it the slowest dump: {slowest_dump(inside)}. {worth(worked)}",
    )
    details = {
        "busy_seconds": worked,
        "dump_seconds": inside,
        "step_seconds": steps,
        "by_hand_seconds": {name: list(taken) for name, taken in night.by_hand_seconds.items()},
        "bytes": {name: noted["bytes"] for name, noted in night.status()["services"].items()},
    }
    return [figure], details


def _memory(peaks: Mapping[str, int]) -> list[Figure]:
    ours = [float(max(value for name, value in peaks.items() if name != "borg"))]
    figure = Figure(
        "memory",
        "peak memory of our largest process in a nightly run",
        "MB",
        ours,
        goal=0,
        allowance=150,
        note=", ".join(f"{name} {value}" for name, value in sorted(peaks.items())),
    )
    borg = Figure(
        "memory-borg",
        "peak memory of borg in a nightly run",
        "MB",
        [float(peaks.get("borg", 0))],
        goal=0,
        allowance=150,
    )
    return [figure, borg]


def _drills(rounds: int, night: bed.Night) -> tuple[Figure, dict[str, dict[str, float]]]:
    """Restore what both sides archived last, which has to be all services; return what the last
    drill says of its parts too.
    """
    drills, by_hand = [], []
    for _round in range(rounds):
        drills.append(timed(lambda: bed.playbook("janus.backup.restore_drill", "drill")))
        taken_by_hand = night.restore_by_hand()
        extract = taken_by_hand.pop("extract")
        by_hand.append(round(extract + max(taken_by_hand.values()), 2))
        print(f"    drill {drills[-1]:.1f} s, by hand {extract} + {taken_by_hand}", flush=True)
    figure = Figure(
        "drill",
        "full drill, all services",
        "s",
        [round(value, 2) for value in drills],
        "borg extract + the slowest service by its raw tool",
        by_hand,
        goal=1.5,
    )
    return figure, night.drilled()


def _ways(rounds: int, night: bed.Night) -> list[Figure]:
    night.product("databases")  # this job's first run has checks of its own
    only = interleaved(
        {
            "janus.backup": lambda: night.product("databases"),
            "by hand": lambda: night.by_hand(["postgresql"]),
        },
        rounds,
    )
    dumps = interleaved(
        {
            "beside each other": lambda: night.dumps(len(night.types) + 1),  # and the images
            "one after the other": lambda: night.dumps(1),
        },
        rounds,
    )
    job = Figure(
        "job-postgresql",
        "job with PostgreSQL alone",
        "s",
        only["janus.backup"],
        "pg_dump, then borg create",
        only["by hand"],
        goal=1,
        allowance=3,
        note="beside the dump it starts borgmatic, Ansible with three modules, Borg nine times"
        " and four programs of ours, each 0.1 to 0.7 s",
    )
    beside = Figure(
        "beside",
        "dumps of all services beside each other",
        "s",
        dumps["beside each other"],
        "the same one after the other",
        dumps["one after the other"],
        goal=1,
    )
    return [job, beside]


def _site_again(rounds: int, first: float) -> tuple[Figure, dict[str, float]]:
    again = [bed.provision("site-again") for _round in range(rounds)]
    figure = Figure(
        "site-again",
        "site.yml, second run",
        "s",
        [round(seconds, 2) for seconds, *_rest in again],
        "first run",
        [round(first, 2)],
        note=f"{sum(changed for _seconds, changed, _slowest in again)} tasks changed anything",
    )
    return figure, again[-1][2]
