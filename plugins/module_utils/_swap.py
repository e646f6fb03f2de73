# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put a proven twin's data in the place of its container's, and take that back.

The container stays the one that it is; only the directories behind its mounts change places with
the twin's. After a crash `revert` finds out by itself what had been done.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import (
    _container,
    _exchange,
    _journal,
    _twin,
)
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

_STOP_SECONDS = 300


def swap(state: Path, run: str) -> list[dict[str, Any]]:
    """Given a restore whose twin was proven, let its container have the twin's data.

    Return the pairs of directories that changed places. Raise BackupError if the twin or the
    container does not stop properly; `revert` then has everything as it was.
    """
    journal = _journal.read(state, run)
    container = journal["service"]["container"]
    _refuse_quiesced(state, journal["service"]["name"])
    _container.stop(_twin.twin_name(container, run), _STOP_SECONDS)
    attributes = _container.inspect(container, running=False)
    pairs = [
        _exchange.note(live, fresh)
        for live, fresh in _directories(attributes, run)
        if any(fresh.iterdir())  # what the restored service left empty is no data of it
    ]
    for pair in pairs:
        _exchange.prove(Path(pair["fresh"]).parent)
    running = attributes["State"]["Running"] or attributes["State"]["Restarting"]
    _journal.enter(state, run, "swap", pairs=pairs, was_running=running)
    if running:
        _container.stop(container, _STOP_SECONDS)
    for pair in pairs:
        _exchange.exchange(Path(pair["live"]), Path(pair["fresh"]))
    _container.start(container)
    return pairs


def _refuse_quiesced(state: Path, name: str) -> None:
    # The end of a backup would start what is stopped here.
    if noted := list((state / "quiesced").glob(f"*/{name}.json")):
        raise BackupError(f"job {noted[0].parent.name} is backing {name} up: try again afterwards")


def _directories(attributes: dict[str, Any], run: str) -> list[tuple[Path, Path]]:
    engine = _container.client()
    return [
        (
            Path(mount["Source"]),
            Path(
                engine.api.inspect_volume(place)["Mountpoint"]
                if mount["Type"] == "volume"
                else place
            ),
        )
        for mount, place in _twin.places(attributes, run)
    ]


def revert(journal: dict[str, Any]) -> bool:
    """Given a journal, let the container have its old data again and run as it did before.

    Return whether there was anything to undo. Raise BackupError if it cannot be.
    """
    pairs, container = journal.get("pairs", []), journal["service"]["container"]
    if not pairs:  # never came so far
        return False
    undo = any(_exchange.exchanged(pair) for pair in pairs)
    if undo:
        with contextlib.suppress(BackupError):  # killed or not, its data is going away
            _container.stop(container, _STOP_SECONDS)
        if _container.inspect(container, running=False)["State"]["Running"]:
            raise BackupError(f"container {container} cannot be stopped")
        _exchange.put_back(pairs)
    if journal["was_running"]:
        _container.start(container)
    return undo
