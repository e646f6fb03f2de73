# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build a container again from the specification in an archive, apart from everything else.

All that is made here carries the label janus.backup.drill=<drill> and a name that begins with the
drill's, so that removing by label can never touch anything else. No port is published, nothing of
the host is mounted but the archived configuration, and the only network is the one named. What is
made for another purpose than a drill has a name that does not begin with janus-drill-, and whoever
made it removes it.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import (
    _container,
    _drill_place,
    _images,
    _manifest,
)
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

LABEL = "janus.backup.drill"


def build(
    record: dict[str, Any],
    source: Path,
    images: Path,
    drill: str,
    network: str,
    limits: dict[str, Any] | None = None,
    replacements: dict[str, str] | None = None,
) -> str:
    """Given a service's record, the extracted dump and where images are, make its container and
    start it, unless its restore does.

    limits are {memory (in Docker's notation), cpus, pids}, each left out or empty for none;
    replacements are images for those that cannot be had. Return the container's name. Raise
    BackupError if anything refuses.
    """
    import docker

    spec = _manifest.container(record) or {}
    api = _container.client().api
    name = f"{drill}-{spec['name']}"
    image = _image(spec["image"], images, replacements or {})
    try:
        binds = _binds(spec["mounts"], source, name, drill)
        aliases = sorted({spec["name"], *itertools.chain(*spec["networks"].values())})
        config = {
            **spec["config"],
            "Image": image,
            "Hostname": spec["hostname"],
            "Labels": {LABEL: drill},
            "HostConfig": {
                **spec["host_config"],
                "Binds": binds,
                "NetworkMode": network,
                "RestartPolicy": {"Name": "no"},
                "Dns": ["127.0.0.1"],  # where nobody is: Docker would ask its host's for others
                **_limits(limits or {}),
            },
            "NetworkingConfig": {"EndpointsConfig": {network: {"Aliases": aliases}}},
        }
        created = api.create_container_from_config(config, name)
        if not record.get("before_first_start"):
            api.start(created["Id"])
    except docker.errors.APIError as error:
        raise BackupError(f"cannot build container {name}: {error.explanation}") from error
    return name


def _image(image: dict[str, Any], images: Path, replacements: dict[str, str]) -> str:
    """Return the id of the archived image, or of its replacement if it is not to be had."""
    import docker

    try:
        return _images.ensure(image, images)
    except BackupError:
        if image["reference"] not in replacements:
            raise
    engine, replacement = _container.client(), replacements[image["reference"]]
    try:
        return str(engine.images.get(replacement).id)
    except docker.errors.ImageNotFound:
        return str(engine.images.pull(replacement).id)


def _binds(mounts: list[dict[str, Any]], source: Path, name: str, drill: str) -> list[str]:
    """Return the binds of a container: archived configuration, and new volumes for the rest."""
    api, binds = _container.client().api, []
    for number, mount in enumerate(mounts):
        if mount["type"] == "tmpfs":
            continue
        if "archived" in mount:
            path, mode = source / mount["archived"], "ro" if mount["read_only"] else "rw"
            if not path.resolve().is_relative_to(source.resolve()):
                raise BackupError(f"refusing to mount {path}: it is not in the archive")
            binds.append(f"{path}:{mount['destination']}:{mode}")
            continue
        volume = f"{name}-{number}"
        made_now = api.create_volume(volume, labels={LABEL: drill})
        if (made_now["Labels"] or {}).get(LABEL) != drill:  # Docker returns one that is there
            raise BackupError(f"refusing to use volume {volume}: it was there before")
        binds.append(f"{volume}:{mount['destination']}")
    return binds


def _limits(limits: dict[str, Any]) -> dict[str, int]:
    import docker

    memory, cpus, pids = (limits.get(key) for key in ("memory", "cpus", "pids"))
    found = {"Memory": docker.utils.parse_bytes(memory) if memory else 0}
    if cpus:
        found["NanoCpus"] = int(float(cpus) * 1e9)
    if pids:
        found["PidsLimit"] = int(pids)
    return found


def carried(containers: list[str]) -> list[str]:
    """Given names of containers in an archive, return those that this host has, running or not."""
    present = _container.client().api.containers(all=True)
    names = {name.lstrip("/") for summary in present for name in summary["Names"]}
    return sorted(names & set(containers))


def made(drill: str) -> list[str]:
    """Given a drill, return the names of the containers, volumes and networks with its label."""
    engine, label = _container.client(), {"label": f"{LABEL}={drill}"}
    summaries = engine.api.containers(all=True, filters=label)
    names = [summary["Names"][0].lstrip("/") for summary in summaries]
    names += [volume.name for volume in engine.volumes.list(filters=label)]
    return names + [network.name for network in engine.networks.list(filters=label)]


def drills() -> set[str]:
    """Return the names of all drills of which anything is left on this host."""
    engine, label = _container.client(), {"label": LABEL}
    labels = [summary["Labels"] for summary in engine.api.containers(all=True, filters=label)]
    labels += [volume.attrs["Labels"] for volume in engine.volumes.list(filters=label)]
    labels += [network.attrs["Labels"] for network in engine.networks.list(filters=label)]
    drills = {entry[LABEL] for entry in labels}
    return {drill for drill in drills if drill.startswith(_drill_place.PREFIX)}


def create_network(drill: str) -> str:
    """Given a drill, make its network, which leads nowhere, and return its name."""
    import docker

    try:
        _container.client().networks.create(drill, internal=True, labels={LABEL: drill})
    except docker.errors.APIError as error:
        raise BackupError(f"cannot create network {drill}: {error.explanation}") from error
    return drill


def tear_down(drill: str) -> list[str]:
    """Given a drill, remove every container, volume and network that carries its label.

    Return their names. Raise BackupError if one cannot be removed.
    """
    import docker

    removed = _container.remove_labelled(f"{LABEL}={drill}")
    engine = _container.client()
    try:
        for volume in engine.volumes.list(filters={"label": f"{LABEL}={drill}"}):
            volume.remove(force=True)
            removed.append(volume.name)
        for network in engine.networks.list(filters={"label": f"{LABEL}={drill}"}):
            network.remove()
            removed.append(network.name)
    except docker.errors.APIError as error:
        raise BackupError(f"cannot remove what drill {drill} made: {error.explanation}") from error
    return removed
