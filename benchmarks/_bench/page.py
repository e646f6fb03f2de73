# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/benchmarks.md: the table, the plots and the machine, all made from the results."""

from __future__ import annotations

import itertools
import statistics
from pathlib import Path
from typing import Any

from . import PAGE, RESULTS, results
from .figures import GROUPS, Figure, slope
from .plot import Bar, bars
from .stack import SIZES

INTRODUCTION = """\
<!-- Made by `make bench-page` from benchmarks/results/*.json. -->
# Benchmarks

The product against what an operator would use instead, on the same data in the same run,
interleaved. Every value is a median; only ratios mean anything on a machine that is shared. A goal
is met when the product's median is within it. Where it is not, the table says so.

    make bench                     # all groups at size M
    make bench-quick               # two groups at size S, in ten minutes
    make bench SIZE=S ARGS=neo4j   # one group

How each is measured, and what the peers run: [benchmarks/README.md](../benchmarks/README.md).
"""
GROWTH = """\
## As the data grow

Seconds per megabyte in relation to the next smaller size. Linear is 1, less is better: a fixed
part weighs less the more data there are. Goal: at most 1.1.

| what | from | to | data | product | times its share | |
|---|---|---|---|---|---|---|"""
# What is looked at as the data grow, and its group.
GROWING = (("bed", "nightly"), ("postgresql", "postgresql-checksums"))
LINEAR = 1.1
VERDICTS = {True: "met", False: "**not met**", None: ""}


def write(folder: Path = RESULTS, target: Path = PAGE) -> None:
    """Write the page and its plots."""
    plots = target.parent / "benchmarks"
    plots.mkdir(exist_ok=True)
    for stale in plots.glob("*.svg"):
        stale.unlink()
    parts = [INTRODUCTION]
    measured = {size: results.read(size, folder)["groups"] for size in SIZES}
    for size, found in measured.items():
        if found:
            parts += _section(size, found, plots)
    parts.append(growth(measured))
    target.write_text("\n".join(parts), encoding="utf-8")


def read_figures(entry: dict[str, Any]) -> list[Figure]:
    """Return the figures of a group's run."""
    return [Figure.read(plain) for plain in entry["figures"]]


def _section(size: str, found: dict[str, Any], plots: Path) -> list[str]:
    groups = [group for group in GROUPS if group in found]
    figures = {group: read_figures(found[group]) for group in groups}
    parts = [f"## Size {size}\n"]
    aimed = [figure for group in groups for figure in figures[group] if figure.bound]
    if aimed:
        name = f"goals-{size}.svg"
        (plots / name).write_text(_goals(size, aimed), encoding="utf-8")
        parts.append(f"![How much of each goal is used up, size {size}](benchmarks/{name})\n")
    if "repository" in figures:
        name = f"growth-{size}.svg"
        text = _growth(size, found["repository"])
        (plots / name).write_text(text, encoding="utf-8")
        parts.append(f"![Growth of a repository on a day, size {size}](benchmarks/{name})\n")
    for group in groups:
        parts += [f"### {GROUPS[group]}\n", table(figures[group])]
        if "by_hand_seconds" in found[group]["details"]:
            parts.append(where_time_goes(found[group]["details"]))
        parts.append(_about(found[group]))
    return parts


def growth(measured: dict[str, dict[str, Any]]) -> str:
    """Given the groups of each size, return how time and memory grow with the data."""
    lines = [GROWTH]
    for group, name in GROWING:
        known = []
        for size in SIZES:
            if group in measured[size]:
                entry = measured[size][group]
                figures = [figure for figure in read_figures(entry) if figure.name == name]
                known += [(size, figure, _megabytes(entry)) for figure in figures]
        for (small, before, less), (large, after, more) in itertools.pairwise(known):
            if small == "XS":  # nearly empty: nothing but what a run costs anyway
                continue
            times = slope(before.value, after.value, more / less)
            lines.append(
                f"| {after.what} | {small} | {large} | {less:.0f} MB to {more:.0f} MB |"
                f" {_amount(before.value, 's')} to {_amount(after.value, 's')} | {times:.2f} |"
                f" {VERDICTS[times <= LINEAR]} |"
            )
    peaks = [
        f"{figure.what}: {size} {figure.value:.0f} MB"
        for size in SIZES
        for figure in (read_figures(measured[size]["bed"]) if "bed" in measured[size] else [])
        if figure.name.startswith("memory")
    ]
    return "\n".join([*lines, "", *(f"- {peak}" for peak in sorted(peaks)), ""])


def _megabytes(entry: dict[str, Any]) -> float:
    """Return how much a group dumped."""
    details = entry["details"]
    return float(details.get("dump_mb") or sum(details["bytes"].values()) / 1e6)


def table(figures: list[Figure]) -> str:
    """Return the figures as a table."""
    lines = [
        "| what | product | against | peer | ratio | goal | |",
        "|---|---|---|---|---|---|---|",
    ]
    notes = []
    for figure in figures:
        peer = _amount(statistics.median(figure.peer), figure.unit) if figure.peer else ""
        ratio = f"{figure.ratio:.2f}" if figure.ratio is not None else ""
        lines.append(
            f"| {figure.what} | {_amount(figure.value, figure.unit)} | {figure.against} | {peer} |"
            f" {ratio} | {figure.wanted} | {VERDICTS[figure.met]} |"
        )
        if figure.note:
            notes.append(f"- {figure.what}: {figure.note}.")
    return "\n".join([*lines, "", *notes, *([""] if notes else [])])


def where_time_goes(details: dict[str, Any]) -> str:
    """Return what services and steps took in a nightly run and in a drill, and the slowest tasks of
    site.yml.
    """
    lines = [
        "| a night | MB | dumped, proved and hashed beside the others, s | its own tool alone, s |",
        "|---|---|---|---|",
    ]
    for name, seconds in details["dump_seconds"].items():
        alone = details["by_hand_seconds"].get(name)
        by_hand = f"{statistics.median(alone):.1f}" if alone else ""
        lines.append(
            f"| {name} | {details['bytes'][name] / 1e6:.0f} | {statistics.median(seconds):.1f} |"
            f" {by_hand} |"
        )
    lines += ["", "| step of a night | s |", "|---|---|"]
    for name, seconds in details["step_seconds"].items():
        lines.append(f"| {name} | {statistics.median(seconds):.1f} |")
    if drill := details.get("drill_seconds"):
        lines += ["", *_drill(drill)]
    if slowest := details.get("site_again_slowest"):
        tasks = ", ".join(f"{name} {took} s" for name, took in slowest.items())
        lines += ["", f"The slowest tasks of a second `site.yml`: {tasks}."]
    return "\n".join([*lines, ""])


def _drill(seconds: dict[str, dict[str, float]]) -> list[str]:
    """Return what a drill took: extraction, and what it did with the services beside each other."""
    parts = ("build", "restore", "verify")
    whole = seconds[""]
    lines = [
        f"A drill took {whole['total']:.1f} s on its host, {whole['extract']:.1f} s to extract"
        " the archive, images included. Then, beside each other:",
        "",
        "| a drill | container, s | data restored, s | read, compared and checked, s |",
        "|---|---|---|---|",
    ]
    for name, taken in seconds.items():
        if name:
            lines.append(
                f"| {name} | {' | '.join(f'{taken.get(each, 0):.1f}' for each in parts)} |"
            )
    return lines


def _amount(value: float, unit: str) -> str:
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f} {unit}".strip()


def _about(entry: dict[str, Any]) -> str:
    machine, load = entry["machine"], entry["load"]
    versions = ", ".join(f"{name} {said}" for name, said in entry["versions"].items() if said)
    rounds = "one round" if entry["rounds"] == 1 else f"{entry['rounds']} rounds"
    return (
        f"{entry['began'][:10]}, {rounds}, commit {entry['commit']}; {machine['processor']}, "
        f"{machine['cores']} cores, {machine['memory_gb']} GB; load {load[0]:.1f} before, "
        f"{load[1]:.1f} after. {versions}.\n"
    )


def _goals(size: str, figures: list[Figure]) -> str:
    entries = []
    for figure in figures:
        assert figure.bound
        used = figure.value / figure.bound
        against = figure.against.partition(" (")[0]
        what = figure.what.replace("day-2 growth, 1 % changed", "growth")
        label = f"{what} / {against}" if against else what
        colour = "good" if figure.met else "bad"
        entries.append(Bar(_short(label), used, f"{used * 100:.0f} %", colour))
    return bars(f"How much of each goal is used up, size {size} (line: the goal)", entries, 1.0)


def _short(label: str) -> str:
    return label if len(label) <= 56 else f"{label[:55]}…"


def _growth(size: str, entry: dict[str, Any]) -> str:
    spread, days = range(2, 2 + entry["rounds"]), entry["details"]["days"]
    values = {
        name: statistics.median(grown[str(day)] for day in spread if str(day) in grown)
        for name, grown in days.items()
        if not name.startswith("chunks")
    }
    entries = [
        Bar(name, value, f"{value:.1f} MB", "ours" if name.startswith("janus") else "other")
        for name, value in sorted(values.items(), key=lambda item: item[1])
    ]
    staged = entry["details"]["staged_mb"]
    title = f"Growth on a day with 1 % changed, spread over all; size {size}, {staged} MB of dumps"
    return bars(title, entries)
