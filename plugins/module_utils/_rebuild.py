# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build a container again from the specification in an archive, apart from everything else.

All that is made here carries the label janus.backup.drill=<drill> and a name that begins with the
drill's, so that removing by label can never touch anything else. No port is published, nothing of
the host is mounted but the archived configuration, and the only network is the one named.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _container, _images
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

LABEL = "janus.backup.drill"


def build(
    record: dict[str, Any], source: Path, images: Path, drill: str, network: str, memory: str
) -> str:
    """Given a service's record, the extracted dump and where images are, start its container.

    memory is a limit in Docker's notation ("" for none). Return the container's name. Raise
    BackupError if anything refuses.
    """
    import docker

    spec = record["container"]
    api = _container.client().api
    name = f"{drill}-{spec['name']}"
    labels = {LABEL: drill}
    image = _images.ensure(spec["image"], images)
    try:
        binds = []
        for number, mount in enumerate(spec["mounts"]):
            if mount["type"] == "tmpfs":
                continue
            if "archived" in mount:
                mode = "ro" if mount["read_only"] else "rw"
                binds.append(f"{source / mount['archived']}:{mount['destination']}:{mode}")
                continue
            volume = f"{name}-{number}"
            api.create_volume(volume, labels=labels)
            binds.append(f"{volume}:{mount['destination']}")
        aliases = sorted({spec["name"], *itertools.chain(*spec["networks"].values())})
        config = {
            **spec["config"],
            "Image": image,
            "Hostname": spec["hostname"],
            "Labels": labels,
            "HostConfig": {
                **spec["host_config"],
                "Binds": binds,
                "NetworkMode": network,
                "RestartPolicy": {"Name": "no"},
                "Memory": docker.utils.parse_bytes(memory) if memory else 0,
            },
            "NetworkingConfig": {"EndpointsConfig": {network: {"Aliases": aliases}}},
        }
        created = api.create_container_from_config(config, name)
        api.start(created["Id"])
    except docker.errors.APIError as error:
        raise BackupError(f"cannot build container {name}: {error.explanation}") from error
    return name


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
    return {entry[LABEL] for entry in labels}


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
