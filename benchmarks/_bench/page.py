# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/benchmarks.md: the table, the plots and the machine, all made from the results."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from . import PAGE, RESULTS, results
from .figures import GROUPS, Figure
from .plot import Bar, bars
from .stack import SIZES

INTRODUCTION = """\
<!-- Made by `make bench-page` from benchmarks/results/*.json. -->
# Benchmarks

The product against what an operator would use instead, on the same data in the same run,
interleaved. Every value is a median; only ratios mean anything on a machine that is shared. A goal
is met when the product's median is within it. Where it is not, the table says so.

    make bench                     # all groups at size M
    make bench-quick               # three groups at size S, under ten minutes
    make bench SIZE=S ARGS=neo4j   # one group

How each is measured, and what the peers run: [benchmarks/README.md](../benchmarks/README.md).
"""
VERDICTS = {True: "met", False: "**not met**", None: ""}


def write(folder: Path = RESULTS, target: Path = PAGE) -> None:
    """Write the page and its plots."""
    plots = target.parent / "benchmarks"
    plots.mkdir(exist_ok=True)
    for stale in plots.glob("*.svg"):
        stale.unlink()
    parts = [INTRODUCTION]
    for size in SIZES:
        found = results.read(size, folder)["groups"]
        if found:
            parts += _section(size, found, plots)
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
    """Return what each service took in a nightly run, and the slowest tasks of site.yml."""
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
    tasks = ", ".join(f"{name} {took} s" for name, took in details["site_again_slowest"].items())
    return "\n".join([*lines, "", f"The slowest tasks of a second `site.yml`: {tasks}.", ""])


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
        label = f"{figure.what} / {against}" if against else figure.what
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
