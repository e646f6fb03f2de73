# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build a container again as it was in production: its name, hostname, ports, networks, volumes,
limits, and its bind-mounted configuration at the same place on the host.

A target says where it is to stand: {container, volumes, publish}. Volumes maps recorded names to
others; without publish it stands beside the production one: no port, no alias, no restart.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _container, _images
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

LABEL = "janus.backup.built"


def build(
    record: dict[str, Any], target: dict[str, Any], source: Path, images: Path, label: str
) -> str:
    """Given a service's record, a target, the extracted dump, where images are, and what to label
    it all with, make its container and start it, unless its restore does. Return its name.

    What is in the way is the caller's business, see `_in_the_way`. Raise BackupError if anything
    refuses.
    """
    import docker

    spec, api, name = record["container"], _container.client().api, target["container"]
    image = _named(spec["image"], _images.ensure(spec["image"], images))
    labels = {LABEL: label}
    try:
        _make_volumes(api, spec, target, labels)
        _put_back_files(spec, source)
        endpoints = _networks(api, spec, target, labels)
        first = dict(list(endpoints.items())[:1])
        config = _config(spec, target) | {"Image": image}
        config["Labels"] = {**spec["production"]["labels"], **labels}
        config["NetworkingConfig"] = {"EndpointsConfig": first}
        created = api.create_container_from_config(config, name)
        for network in list(endpoints)[1:]:
            api.connect_container_to_network(
                created["Id"],
                network,
                aliases=endpoints[network].get("Aliases"),
                **_address(endpoints[network]),
            )
        if not record.get("before_first_start"):
            api.start(created["Id"])
    except docker.errors.APIError as error:
        raise BackupError(f"cannot build container {name}: {error.explanation}") from error
    except OSError as error:
        raise BackupError(f"cannot build container {name}: {error}") from error
    return str(name)


def volume_of(mount: dict[str, Any], target: dict[str, Any]) -> str:
    """Given a recorded volume mount and a target, return the name that the volume has there."""
    return str(target["volumes"].get(mount["source"], mount["source"]))


def published(spec: dict[str, Any]) -> list[tuple[str, int, str]]:
    """Given a specification, return the (address, port, protocol) that it has on the host."""
    found = []
    for inside, bindings in spec["ports"].items():
        protocol = inside.partition("/")[2] or "tcp"
        for binding in bindings or []:
            if binding.get("HostPort", "").isdigit() and int(binding["HostPort"]):
                found.append((binding.get("HostIp") or "", int(binding["HostPort"]), protocol))
    return found


def _named(image: dict[str, Any], identifier: str) -> str:
    """Return the image's name, given to it where that name is free, or else its id."""
    import docker

    engine, reference = _container.client(), image["reference"]
    try:
        return str(reference) if engine.images.get(reference).id == identifier else identifier
    except docker.errors.ImageNotFound:
        if "@" in reference or reference.startswith("sha256:"):
            return identifier
        engine.images.get(identifier).tag(*_split(reference))
        return str(reference)
    except docker.errors.APIError as error:
        raise BackupError(f"cannot name image {reference}: {error.explanation}") from error


def _split(reference: str) -> tuple[str, str]:
    """Return repository and tag; a colon before the last slash belongs to a port."""
    repository, colon, tag = reference.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (reference, "latest")


def _make_volumes(
    api: Any, spec: dict[str, Any], target: dict[str, Any], labels: dict[str, str]
) -> None:
    import docker

    for mount in spec["mounts"]:
        if mount["type"] != "volume":
            continue
        name, made = volume_of(mount, target), spec["production"]["volumes"][mount["source"]]
        try:
            api.inspect_volume(name)
        except docker.errors.NotFound:
            own = {**made["labels"], **labels}
            api.create_volume(name, driver=made["driver"], driver_opts=made["options"], labels=own)


def _put_back_files(spec: dict[str, Any], source: Path) -> None:
    """Make bind-mounted configuration and directories what they were, where they are missing."""
    for mount in spec["mounts"]:
        place = Path(mount["source"] or "/")
        if mount["type"] != "bind" or place.exists():
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if "archived" in mount:
            _copy(source / mount["archived"], place)
        elif owner := spec["production"]["directories"].get(mount["source"]):
            place.mkdir(mode=0o700)
            os.chown(place, owner["uid"], owner["gid"])
            place.chmod(owner["mode"])
        else:
            raise BackupError(f"{place}, bind-mounted, is neither here nor in the archive")


def _copy(archived: Path, place: Path) -> None:
    """Copy a file or a tree with owners and modes; a tree that is half copied has no name yet."""
    temporary = place.with_name(f".{place.name}.partial")
    if archived.is_dir():
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(archived, temporary)
        pairs = [(archived, temporary)]
        pairs += [(path, temporary / path.relative_to(archived)) for path in archived.rglob("*")]
    else:
        shutil.copy2(archived, temporary)
        pairs = [(archived, temporary)]
    for original, copy in pairs:
        shutil.chown(copy, original.stat().st_uid, original.stat().st_gid)
        copy.chmod(original.stat().st_mode & 0o7777)
    temporary.rename(place)


def _networks(
    api: Any, spec: dict[str, Any], target: dict[str, Any], labels: dict[str, str]
) -> dict[str, dict[str, Any]]:
    """Make the networks that are missing. Return the container's endpoints, by network."""
    import docker

    endpoints = {}
    for name, network in spec["production"]["networks"].items():
        try:
            api.inspect_network(name)
        except docker.errors.NotFound:
            _make_network(api, name, network, labels)
        endpoint: dict[str, Any] = {}
        if target["publish"]:
            endpoint["Aliases"] = spec["networks"].get(name) or []
            if network["address"]:
                endpoint["IPAMConfig"] = network["address"]
        endpoints[name] = endpoint
    return endpoints


def _make_network(api: Any, name: str, network: dict[str, Any], labels: dict[str, str]) -> None:
    import docker

    settings = {key: network[key] for key in ("driver", "options", "internal", "attachable")}
    settings |= {"enable_ipv6": network["enable_ipv6"], "labels": {**network["labels"], **labels}}
    keys = {"Subnet": "subnet", "Gateway": "gateway", "IPRange": "iprange"}
    pools = [
        docker.types.IPAMPool(**{keys[key]: pool[key] for key in keys if pool.get(key)})
        for pool in network["pools"]
    ]
    try:
        api.create_network(name, ipam=docker.types.IPAMConfig(pool_configs=pools), **settings)
    except docker.errors.APIError:
        # Something else here has those addresses. Nothing depends on them unless it was told them.
        if network["address"]:
            raise
        api.create_network(name, **settings)


def _config(spec: dict[str, Any], target: dict[str, Any]) -> dict[str, Any]:
    production = spec["production"]
    mode = production["network_mode"]
    if mode.startswith("container:"):
        raise BackupError("it shared another container's network; build it by hand")
    binds, mounts = [], []
    for mount in spec["mounts"]:
        if mount["type"] == "tmpfs":
            if mount["destination"] not in spec["host_config"].get("Tmpfs", {}):
                mounts.append({"Type": "tmpfs", "Target": mount["destination"]})
            continue
        place = volume_of(mount, target) if mount["type"] == "volume" else mount["source"]
        binds.append(f"{place}:{mount['destination']}:{'ro' if mount['read_only'] else 'rw'}")
    host = {
        **spec["host_config"],
        **production["host_config"],
        "Binds": binds,
        "Mounts": mounts,
        "NetworkMode": mode,
        "RestartPolicy": {"Name": "no"},
    }
    if target["publish"]:
        host |= {"PortBindings": spec["ports"], "RestartPolicy": spec["restart_policy"]}
    return {
        **spec["config"],
        **production["config"],
        "Hostname": spec["hostname"],
        "HostConfig": host,
    }


def _address(endpoint: dict[str, Any]) -> dict[str, str]:
    keys = {"IPv4Address": "ipv4_address", "IPv6Address": "ipv6_address"}
    address = endpoint.get("IPAMConfig", {})
    return {keys[key]: address[key] for key in keys if address.get(key)}
