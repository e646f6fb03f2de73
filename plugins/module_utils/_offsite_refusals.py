# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets that only look off-site: on the node itself, in what is backed up, on the same disk."""

from __future__ import annotations

import importlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _container, _offsite_place
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

_SERVICES = "ansible_collections.janus.backup.plugins.module_utils._services"


def reason(target: dict[str, Any]) -> str | None:
    """Given a target, return the sentence for which it is refused before it is reached, or None."""
    if target["type"] == "path":
        return _inside(target)
    if target["type"] in ("s3", "ssh"):
        return _same_host(target)
    return None


def same_disk(target: dict[str, Any], directory: Path) -> str | None:
    """Given a target that is declared external and its directory on this host, return the sentence
    for which it is refused, or None.
    """
    if not target["external"]:
        return None
    disks = _disks(directory if directory.exists() else directory.parent)
    for data in filter(os.path.exists, target["data"]):
        if disks & _disks(Path(data)):
            return (
                f"{directory} is declared external, but is on the same disk as {data}: "
                "perhaps nothing is mounted there"
            )
    return None


def same_server(target: dict[str, Any], token: str) -> str | None:
    """Given a target of type s3 whose marker was just written with a token, return the sentence
    for which it is refused, or None: if a server that is backed up shows the same marker, the copy
    would be in what it is a copy of, whatever name or port it was reached by.
    """
    if target["type"] != "s3":
        return None
    path = "/".join(["", target["bucket"], *filter(None, [target["prefix"]]), "copy.json"])
    for service in target["services"]:
        place = importlib.import_module(f"{_SERVICES}.{service['type']}")
        if hasattr(place, "shows") and place.shows(service, path, token.encode()):
            return f"bucket {target['bucket']} is on service {service['name']}, which is backed up"
    return None


def _inside(target: dict[str, Any]) -> str | None:
    path = Path(os.path.realpath(target["path"]))
    for source, what in _sources(target):
        real = Path(os.path.realpath(source))
        if path == real or real in path.parents or path in real.parents:
            return f"{target['path']} overlaps with {source}, {what}"
    return None


def _sources(target: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield target["repository"], "the repository"
    yield target["state"], "what is backed up"
    for service in target["services"]:
        what = f"the data of service {service['name']}"
        for value in service["options"].values():
            for path in value if isinstance(value, list) else [value]:
                if isinstance(path, str) and path.startswith("/"):
                    yield path, what
        for mount in _inspected(service).get("Mounts", []):
            if Path(mount.get("Source") or "").is_dir():
                yield mount["Source"], what


def _same_host(target: dict[str, Any]) -> str | None:
    host, _port = _offsite_place.address(target)
    addresses = _resolved(host)
    for address in addresses:
        if _is_local(address):
            return f"{host} is this node ({address}): a copy on it is lost with it"
    for service in target["services"]:
        owned = {
            network.get("IPAddress")
            for network in _inspected(service)
            .get("NetworkSettings", {})
            .get("Networks", {})
            .values()
        }
        if service["runtime"] == "host":
            owned |= _resolved(service["host"])
        if found := addresses & owned:
            return f"{host} is the server of service {service['name']} ({found.pop()})"
    return None


def _inspected(service: dict[str, Any]) -> dict[str, Any]:
    """Return what Docker tells of the service's container, nothing if there is none now."""
    if service["runtime"] != "docker":
        return {}
    try:
        return _container.inspect(service["container"], running=False)
    except BackupError:
        return {}


def _resolved(host: str) -> set[str]:
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(host, None)}
    except OSError:  # reaching it will say so
        return set()


def _is_local(address: str) -> bool:
    """Tell whether an address is one of this host: only then can a socket be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _disks(path: Path) -> set[str]:
    """Return the disks on which a path is: a partition's disk, what a volume is made of, or the
    file system's own number where it is not on a block device.
    """
    number = path.stat().st_dev
    node = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    if not node.exists():
        return {str(number)}
    return _below(node.resolve())


def _below(device: Path) -> set[str]:
    if (device / "partition").exists():
        return _below(device.parent)
    parts = list((device / "slaves").glob("*")) if (device / "slaves").is_dir() else []
    found = {disk for part in parts for disk in _below(part.resolve())}
    return found or {device.name}
