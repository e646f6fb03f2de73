# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker, as far as a backup needs it: what a container is made of, where it answers, and the
helper containers that run a service's own tools beside it.
"""

from __future__ import annotations

import functools
import shutil
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _production_spec
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


@functools.cache
def client() -> Any:
    """Return the process's Docker client for the local engine. Raise BackupError if none answers.

    Each new one asks the engine for its version first, which took a fifth of a dump's overhead.
    """
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
        status = attributes["State"]["Status"]
        raise BackupError(f"container {name} is not running: {status}{_last_words(name)}")
    return attributes


def _last_words(name: str) -> str:
    import docker

    try:
        said = client().api.logs(name, tail=2).decode(errors="replace")
    except docker.errors.APIError:  # a logging driver that cannot be read
        return ""
    return f" ({' '.join(said.split())})" if said.strip() else ""


def address(attributes: dict[str, Any]) -> str:
    """Given an inspected container, return the IP address at which this host reaches it."""
    if attributes["HostConfig"]["NetworkMode"] == "host":
        return "127.0.0.1"
    for network in attributes["NetworkSettings"]["Networks"].values():
        if network["IPAddress"]:
            return str(network["IPAddress"])
    raise BackupError(f"container {attributes['Name'].lstrip('/')} has no address on any network")


def host_path(attributes: dict[str, Any], inside: Path) -> Path:
    """Given an inspected container and a path in it, return where this host has it.

    Raise BackupError if the path is on no volume and no bind mount of the container.
    """
    mounts = sorted(attributes["Mounts"], key=lambda mount: len(mount["Destination"]), reverse=True)
    for mount in mounts:
        if inside.is_relative_to(mount["Destination"]):
            return Path(mount["Source"]) / inside.relative_to(mount["Destination"])
    raise BackupError(f"container {attributes['Name'].lstrip('/')} has {inside} on no volume")


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
        "production": _production_spec.describe(client().api, attributes),
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
    """Given a specification and a dump's directory, copy its bind-mounted configuration into
    <directory>/mounts/<n>, with owners and modes, and note that in the mount as `archived`.

    Configuration is what is mounted read-only, and single files; sockets and the like are left out.
    Raise BackupError if one is larger than 64 MiB: that is data and wants its own service.
    """
    for number, mount in enumerate(spec["mounts"]):
        source = Path(mount["source"])
        if mount["type"] != "bind" or not (mount["read_only"] or source.is_file()):
            continue
        paths = [source, *sorted(source.rglob("*"))] if source.is_dir() else [source]
        paths = [path for path in paths if path.is_file() or path.is_dir()]
        if sum(path.stat().st_size for path in paths if path.is_file()) > _CONFIGURATION_LIMIT:
            raise BackupError(f"{source}, bind-mounted, is too large to be configuration")
        private_directory(directory / "mounts")
        for path in paths:
            copy = directory / "mounts" / str(number) / path.relative_to(source)
            if path.is_dir():
                copy.mkdir()
            else:
                shutil.copyfile(path, copy)
            shutil.copystat(path, copy)
            shutil.chown(copy, path.stat().st_uid, path.stat().st_gid)
        if paths:
            mount["archived"] = f"mounts/{number}"


def stop(name: str, seconds: int) -> None:
    """Given a container, ask it to stop and wait up to so many seconds before it is killed.

    Raise BackupError if it was killed: what it leaves then is not what it would have left.
    """
    import docker

    try:
        client().api.stop(name, timeout=seconds)
    except docker.errors.APIError as error:
        raise BackupError(f"cannot stop container {name}: {error.explanation}") from error
    code = inspect(name, running=False)["State"]["ExitCode"]
    if code == 137:
        raise BackupError(f"container {name} did not stop within {seconds} s and was killed")


def start(name: str) -> None:
    """Given a container, start it unless it runs. Raise BackupError if Docker cannot."""
    import docker

    try:
        client().api.start(name)
    except docker.errors.APIError as error:
        raise BackupError(f"cannot start container {name}: {error.explanation}") from error
