# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker, as far as a backup needs it: what a container is made of, where it answers, and the
helper containers that run a service's own tools beside it.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import private_directory

LABEL = "janus.backup.job"
_CONFIGURATION_LIMIT = 64 * 1024 * 1024

# HostConfig keys that change how a service behaves; all are plain JSON in and out of the API.
_HOST_KEYS = (
    "CapAdd",
    "CapDrop",
    "SecurityOpt",
    "ShmSize",
    "Sysctls",
    "Tmpfs",
    "Ulimits",
    "Init",
    "ReadonlyRootfs",
)
_CONFIG_KEYS = ("User", "WorkingDir", "Entrypoint", "Cmd", "Env", "Healthcheck", "StopSignal")


def client() -> Any:
    """Return a Docker client for the local engine. Raise BackupError if none answers."""
    import docker

    try:
        return docker.from_env(version="auto", timeout=600)
    except docker.errors.DockerException as error:
        raise BackupError(f"cannot reach the Docker engine: {error}") from error


def inspect(name: str, running: bool = True) -> dict[str, Any]:
    """Given a container's name, return what `docker inspect` tells of it.

    Raise BackupError if it does not exist or, unless told otherwise, is not running.
    """
    import docker

    try:
        attributes: dict[str, Any] = client().api.inspect_container(name)
    except docker.errors.NotFound as error:
        raise BackupError(f"container {name} does not exist") from error
    if running and not attributes["State"]["Running"]:
        raise BackupError(f"container {name} is not running: {attributes['State']['Status']}")
    return attributes


def address(attributes: dict[str, Any]) -> str:
    """Given an inspected container, return the IP address at which this host reaches it."""
    if attributes["HostConfig"]["NetworkMode"] == "host":
        return "127.0.0.1"
    for network in attributes["NetworkSettings"]["Networks"].values():
        if network["IPAddress"]:
            return str(network["IPAddress"])
    raise BackupError(f"container {attributes['Name'].lstrip('/')} has no address on any network")


def environment(attributes: dict[str, Any]) -> dict[str, str]:
    """Given an inspected container, return its environment."""
    return dict(entry.partition("=")[::2] for entry in attributes["Config"]["Env"] or [])


def specification(attributes: dict[str, Any]) -> dict[str, Any]:
    """Given an inspected container, return all that is needed to build it again elsewhere.

    The environment is part of it, secrets included: keep it where only root reads.
    """
    import docker

    config, host = attributes["Config"], attributes["HostConfig"]
    try:
        image = client().api.inspect_image(attributes["Image"])
    except docker.errors.ImageNotFound:  # deleted by force while the container runs
        image = {"RepoDigests": []}
    return {
        "name": attributes["Name"].lstrip("/"),
        "image": {
            "reference": config["Image"],
            "id": attributes["Image"],
            "repo_digests": image.get("RepoDigests") or [],
        },
        "hostname": config["Hostname"],
        "config": {key: config[key] for key in _CONFIG_KEYS if config.get(key)},
        "host_config": {key: host[key] for key in _HOST_KEYS if host.get(key)},
        "restart_policy": host.get("RestartPolicy"),
        "ports": host.get("PortBindings") or {},
        "networks": {
            name: sorted(set(network.get("Aliases") or []) - {attributes["Id"][:12]})
            for name, network in attributes["NetworkSettings"]["Networks"].items()
        },
        "mounts": [
            {
                "type": mount["Type"],
                "source": mount.get("Name") or mount.get("Source"),
                "destination": mount["Destination"],
                "read_only": not mount["RW"],
            }
            for mount in attributes["Mounts"]
        ],
    }


def remove_labelled(label: str) -> list[str]:
    """Given a label (key=value), remove every container that carries it, running or not, with
    its anonymous volumes. Return their names.
    """
    import docker

    engine, removed = client(), []
    for summary in engine.api.containers(all=True, filters={"label": label}):
        try:
            engine.api.remove_container(summary["Id"], force=True, v=True)
        except docker.errors.NotFound:  # it removed itself in the meantime
            continue
        except docker.errors.APIError as error:
            if "already in progress" not in str(error):
                raise BackupError(f"cannot remove a helper container: {error}") from error
        removed.append(summary["Names"][0].lstrip("/"))
    return removed


def keep_configuration(spec: dict[str, Any], directory: Path) -> None:
    """Given a specification and a dump's directory, copy what is bind-mounted read-only into
    <directory>/mounts/<n> and note that in the mount as `archived`.

    A read-only bind mount is configuration (a file or a small tree); sockets and the like are left
    out. Raise BackupError if one is larger than 64 MiB: that is data and wants a service of its own.
    """
    for number, mount in enumerate(spec["mounts"]):
        source = Path(mount["source"])
        if mount["type"] != "bind" or not mount["read_only"]:
            continue
        files = [source] if source.is_file() else [p for p in source.rglob("*") if p.is_file()]
        if sum(path.stat().st_size for path in files) > _CONFIGURATION_LIMIT:
            raise BackupError(f"{source}, mounted read-only, is too large to be configuration")
        target = directory / "mounts" / str(number)
        for path in files:
            copy = target / path.relative_to(source) if source.is_dir() else target
            private_directory(copy.parent)
            shutil.copyfile(path, copy)
            copy.chmod(0o600)
        if files:
            mount["archived"] = f"mounts/{number}"
