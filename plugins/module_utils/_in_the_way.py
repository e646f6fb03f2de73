# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands where a production container is to be built, and how it goes away if it may."""

from __future__ import annotations

import filecmp
import itertools
import json
import os
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _container, _production
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import (
    private_directory,
    write_atomically,
)

ASIDE = ".before-recovery"


@dataclass(frozen=True)
class Obstacle:
    """Something in the way: the sentence that says so, and what clears it, if that may be done."""

    sentence: str
    clear: Callable[[], None] | None = None


def find(spec: dict[str, Any], target: dict[str, Any], source: Path) -> list[Obstacle]:
    """Given a specification, a target (see `_production`) and the extracted dump, return all that
    is in the way of building it. Raise BackupError if that cannot be told.
    """
    found = _container_of(target["container"])
    for mount in spec["mounts"]:
        if mount["type"] == "volume":
            found += _volume(_production.volume_of(mount, target))
        elif mount["type"] == "bind":
            found += _bound(mount, source)
    # A container that is to go takes its ports with it.
    if target["publish"] and not found:
        found += _ports(spec)
    return found


def _container_of(name: str) -> list[Obstacle]:
    import docker

    try:
        _container.client().api.inspect_container(name)
    except docker.errors.NotFound:
        return []
    return [Obstacle(f"there is a container {name}", partial(_remove_container, name))]


def _volume(name: str) -> list[Obstacle]:
    import docker

    try:
        place = Path(_container.client().api.inspect_volume(name)["Mountpoint"])
    except docker.errors.NotFound:
        return []
    if place.is_dir() and not any(place.iterdir()):
        return []
    return [Obstacle(f"volume {name} is not empty", partial(_empty, place))]


def _bound(mount: dict[str, Any], source: Path) -> list[Obstacle]:
    place = Path(mount["source"])
    if "archived" in mount:
        if not place.exists() or _same(source / mount["archived"], place):
            return []
        sentence = f"{place} is not what is in the archive"
        return [Obstacle(sentence, partial(_set_aside, place))]
    if place.is_dir() and any(place.iterdir()):
        return [Obstacle(f"directory {place} is not empty", partial(_empty, place))]
    return []


def _same(archived: Path, place: Path) -> bool:
    if archived.is_file():
        return place.is_file() and filecmp.cmp(archived, place, shallow=False)
    if not place.is_dir():
        return False
    names = {path.relative_to(archived) for path in archived.rglob("*")}
    if names != {path.relative_to(place) for path in place.rglob("*")}:
        return False
    files = [name for name in names if (archived / name).is_file()]
    return all(filecmp.cmp(archived / name, place / name, shallow=False) for name in files)


def _ports(spec: dict[str, Any]) -> list[Obstacle]:
    found = []
    for address, port, protocol in _production.published(spec):
        kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, kind) as probe:
            if protocol != "udp":
                # Connections that ended a moment ago are not in the way; who listens, is.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                where = f"port {port}/{protocol}{' on ' + address if address else ''}"
                found.append(Obstacle(f"{where} cannot be had: {error.strerror}"))
    return found


def note(journal: Path, spec: dict[str, Any], target: dict[str, Any]) -> None:
    """Given a journal, write down what is going to be built, once nothing is in the way of it."""
    volumes = [mount for mount in spec["mounts"] if mount["type"] == "volume"]
    bound = [mount for mount in spec["mounts"] if mount["type"] == "bind"]
    noted = {
        "container": target["container"],
        "volumes": [_production.volume_of(mount, target) for mount in volumes],
        "directories": [
            mount["source"]
            for mount in bound
            if "archived" not in mount and mount["source"] in spec["production"]["directories"]
        ],
    }
    private_directory(journal.parent)
    write_atomically(journal, json.dumps(noted))


def undo(journal: Path, label: str) -> list[str]:
    """Given a journal and the label of what was built, undo what it tells of, so that building can
    begin anew. Return what was removed or emptied; nothing when there is no journal.

    Nothing was in the way when it was written, so what is there now is that build's.
    """
    import docker

    if not journal.is_file():
        return []
    noted, undone = json.loads(journal.read_text(encoding="utf-8")), []
    api = _container.client().api
    try:
        container = api.inspect_container(noted["container"])
        if container["Config"]["Labels"].get(_production.LABEL) != label:
            raise BackupError(f"container {noted['container']} is not the one that was begun here")
        _remove_container(noted["container"])
        undone.append(noted["container"])
    except docker.errors.NotFound:
        pass
    for obstacle in [entry for name in noted["volumes"] for entry in _volume(name)]:
        if obstacle.clear:
            obstacle.clear()
    for directory in noted["directories"]:
        if os.path.isdir(directory):
            _empty(Path(directory))
    journal.unlink()
    return [*undone, *noted["volumes"], *noted["directories"]]


def _remove_container(name: str) -> None:
    import docker

    try:
        _container.client().api.remove_container(name, force=True)
    except docker.errors.APIError as error:
        raise BackupError(f"cannot remove container {name}: {error.explanation}") from error


def _empty(directory: Path) -> None:
    try:
        for path in directory.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    except OSError as error:
        raise BackupError(f"cannot empty {directory}: {error}") from error


def _set_aside(place: Path) -> None:
    names = itertools.chain([""], (f".{number}" for number in itertools.count(2)))
    asides = (place.with_name(place.name + ASIDE + suffix) for suffix in names)
    aside = next(path for path in asides if not path.exists())
    try:
        place.rename(aside)
    except OSError as error:
        raise BackupError(f"cannot move {place} to {aside}: {error}") from error
