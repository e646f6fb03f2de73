# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The twin of a container: same image, same configuration, data of its own, on a network that
leads nowhere. A restore fills and proves it while the container itself goes on.

All that is made here carries the label janus.backup.restore=<run>. Its volumes and directories are
where the container's old data is after the restore, so nothing is removed by that label alone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _container
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import remove_tree

LABEL = "janus.backup.restore"
# What ties a container to others, to ports or to files of the engine; all else is the container's.
_TIES: dict[str, Any] = {
    "AutoRemove": False,
    "ContainerIDFile": "",
    "Links": None,
    "OomScoreAdj": 500,  # rather the twin than anything that runs here
    "PortBindings": {},
    "PublishAllPorts": False,
    "RestartPolicy": {"Name": "no"},
    "VolumesFrom": None,
}


def data(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    """Given an inspected container, return the mounts that may hold its data: what it can write to,
    volumes and directories.
    """
    return [
        mount
        for mount in attributes["Mounts"]
        if mount["RW"] and (mount["Type"] == "volume" or _is_bound_directory(mount))
    ]


def _is_bound_directory(mount: dict[str, Any]) -> bool:
    return bool(mount["Type"] == "bind" and Path(mount["Source"]).is_dir())


def obstacles(attributes: dict[str, Any]) -> list[str]:
    """Given an inspected container, return one sentence for each reason why its data cannot be
    exchanged for other data.
    """
    engine = _container.client()
    name, mounts = attributes["Name"].lstrip("/"), data(attributes)
    sentences = [] if mounts else [f"container {name} has no volume with data"]
    for mount in mounts:
        if os.path.ismount(mount["Source"]):
            sentences.append(
                f"{mount['Source']} is a mount point, which cannot be exchanged: "
                "let the container have a directory below it"
            )
        if mount["Type"] == "volume":
            volume = engine.api.inspect_volume(mount["Name"])
            if volume["Driver"] != "local" or volume.get("Options"):
                sentences.append(f"volume {mount['Name']} is no plain directory of this host")
    for summary in engine.api.containers():
        if summary["Id"] != attributes["Id"] and _container.LABEL not in summary["Labels"]:
            user = summary["Names"][0].lstrip("/")
            for mount in mounts:
                if any(_shared(mount, other) for other in summary["Mounts"]):
                    used = mount.get("Name") or mount["Source"]
                    sentences.append(f"container {user} uses {used} as well: stop it first")
    return sentences


def _shared(mount: dict[str, Any], other: dict[str, Any]) -> bool:
    if mount["Type"] == "volume" == other["Type"]:
        return bool(mount["Name"] == other["Name"])
    source = other.get("Source")
    return bool(source) and Path(str(source)).is_relative_to(mount["Source"])


def build(container: str, run: str) -> str:
    """Given a container and a restore's name, start its twin. Return that one's name.

    Raise BackupError if Docker refuses.
    """
    import docker

    api = _container.client().api
    attributes = _container.inspect(container, running=False)
    config, host = attributes["Config"], attributes["HostConfig"]
    name, labels = twin_name(container, run), {LABEL: run}
    own = {mount["Destination"]: place for mount, place in places(attributes, run)}
    binds = []
    try:
        for mount in attributes["Mounts"]:
            source = own.get(mount["Destination"])
            if source is None and mount["Type"] in ("bind", "volume"):
                binds.append(f"{mount.get('Name') or mount['Source']}:{mount['Destination']}:ro")
            elif source is not None:
                if mount["Type"] == "volume":
                    api.create_volume(source, labels=labels)
                else:
                    _directory_like(Path(mount["Source"]), Path(source))
                binds.append(f"{source}:{mount['Destination']}")
        api.create_network(run, internal=True, labels=labels)
        networks = attributes["NetworkSettings"]["Networks"].values()
        aliases = {alias for network in networks for alias in network.get("Aliases") or []}
        endpoint = {"Aliases": sorted({container, *aliases})}
        tmpfs = [each for each in host.get("Mounts") or [] if each["Type"] == "tmpfs"]
        wanted = {
            **config,
            "Image": attributes["Image"],
            "Labels": labels,
            "HostConfig": {**host, **_TIES, "Binds": binds, "Mounts": tmpfs, "NetworkMode": run},
            "NetworkingConfig": {"EndpointsConfig": {run: endpoint}},
        }
        api.start(api.create_container_from_config(wanted, name)["Id"])
    except docker.errors.APIError as error:
        raise BackupError(f"cannot build {name}: {error.explanation}") from error
    except OSError as error:
        raise BackupError(f"cannot make a directory for {name}: {error}") from error
    return name


def twin_name(container: str, run: str) -> str:
    """Given a container and a restore's name, return what the twin is called."""
    return f"{run}-{container}"


def places(attributes: dict[str, Any], run: str) -> list[tuple[dict[str, Any], str]]:
    """Given an inspected container and a restore's name, return each mount with data and what the
    twin has there instead: a volume's name, or a directory beside the original.
    """
    return [
        (mount, f"{run}-{number}" if mount["Type"] == "volume" else f"{mount['Source']}.{run}")
        for number, mount in enumerate(data(attributes))
    ]


def _directory_like(original: Path, wanted: Path) -> None:
    found = original.stat()
    wanted.mkdir(mode=0o700)
    shutil.copystat(original, wanted)
    os.chown(wanted, found.st_uid, found.st_gid)


def remove(container: str, run: str) -> None:
    """Given a container and a restore's name, remove the twin and its network, but no data."""
    import docker

    engine = _container.client()
    _container.remove_labelled(f"{LABEL}={run}")
    with contextlib.suppress(docker.errors.NotFound):
        engine.networks.get(run).remove()


def remove_data(container: str, run: str) -> list[str]:
    """Given a container and a restore's name, remove the volumes and directories that were made
    for the twin, whatever is in them by now. Return their names.
    """
    import docker

    engine, removed = _container.client(), []
    with contextlib.suppress(BackupError):  # a container that is gone has no directories either
        attributes = _container.inspect(container, running=False)
        for mount, place in places(attributes, run):
            if mount["Type"] == "bind" and Path(place).exists():
                remove_tree(Path(place))
                removed.append(place)
    try:
        for volume in engine.volumes.list(filters={"label": f"{LABEL}={run}"}):
            volume.remove(force=True)
            removed.append(volume.name)
    except docker.errors.APIError as error:
        raise BackupError(f"cannot remove volumes of {run}: {error.explanation}") from error
    return removed
