# SPDX-License-Identifier: GPL-3.0-or-later
"""Results on disk: one JSON file for each size, in it the last run of each group."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import RESULTS, machine
from .figures import Figure

FORMAT = 1


def read(size: str, folder: Path = RESULTS) -> dict[str, Any]:
    """Return the results of a size, empty ones if there are none.

    Raise ValueError if they are in a format of another time.
    """
    path = folder / f"{size}.json"
    if not path.exists():
        return {"format": FORMAT, "size": size, "groups": {}}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if found.get("format") != FORMAT:
        raise ValueError(f"{path} has format {found.get('format')}, not {FORMAT}: remove it")
    return found


def write(size: str, group: str, entry: Mapping[str, Any], folder: Path = RESULTS) -> None:
    """Put a group's run in the place of its earlier one."""
    found = read(size, folder)
    found["groups"][group] = entry
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{size}.json"
    partial = path.with_suffix(".partial")
    text = json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False)
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)


def record(
    measure: Callable[[], tuple[list[Figure], dict[str, Any]]], rounds: int, tools: dict[str, str]
) -> dict[str, Any]:
    """Run a group and return its entry: what was measured, on what, with what."""
    before, began = machine.load(), time.time()
    figures, details = measure()
    return {
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
        "seconds": round(time.time() - began),
        "load": [before, machine.load()],
        "rounds": rounds,
        "commit": machine.commit(),
        "machine": machine.describe(),
        "versions": machine.versions(tools),
        "figures": [figure.plain() for figure in figures],
        "details": details,
    }
