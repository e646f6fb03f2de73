# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a container's specification matters only where it is in production: limits, labels, the
settings of its networks and volumes. A drill rebuilds a container without.
"""

from __future__ import annotations

import os
from typing import Any

# Whatever this collection labels containers with is not theirs.
OWN_LABELS = "janus.backup."
_BUILT_IN_NETWORKS = ("bridge", "host", "none")
_CONFIG_KEYS = ("Domainname", "Tty", "OpenStdin", "StopTimeout", "Shell", "ExposedPorts")
_HOST_KEYS = (
    *("BlkioWeight", "CgroupParent", "CpuPeriod", "CpuQuota", "CpuShares", "CpusetCpus"),
    *("CpusetMems", "DeviceCgroupRules", "DeviceRequests", "Devices", "Dns", "DnsOptions"),
    *("DnsSearch", "ExtraHosts", "GroupAdd", "IpcMode", "LogConfig", "Memory"),
    *("MemoryReservation", "MemorySwap", "NanoCpus", "OomKillDisable", "OomScoreAdj", "PidMode"),
    *("PidsLimit", "Privileged", "Runtime", "UTSMode", "UsernsMode"),
)


def describe(api: Any, attributes: dict[str, Any]) -> dict[str, Any]:
    """Given Docker's API and an inspected container, return {labels, config, host_config,
    network_mode, networks, volumes, directories}.

    networks and volumes are those that somebody made, with what they were made with; directories
    are the bind-mounted ones, with their owners and modes.
    """
    config, host = attributes["Config"], attributes["HostConfig"]
    mounts = attributes["Mounts"]
    named = attributes["NetworkSettings"]["Networks"]
    return {
        "labels": _foreign(config["Labels"]),
        "config": {key: config[key] for key in _CONFIG_KEYS if config.get(key)},
        "host_config": {key: host[key] for key in _HOST_KEYS if host.get(key)},
        "network_mode": host["NetworkMode"],
        "networks": {
            name: _network(api, name) | {"address": endpoint.get("IPAMConfig") or {}}
            for name, endpoint in named.items()
            if name not in _BUILT_IN_NETWORKS and not host["NetworkMode"].startswith("container:")
        },
        "volumes": {
            mount["Name"]: _volume(api, mount["Name"])
            for mount in mounts
            if mount["Type"] == "volume"
        },
        "directories": {
            mount["Source"]: _owner(mount["Source"])
            for mount in mounts
            if mount["Type"] == "bind" and os.path.isdir(mount["Source"])
        },
    }


def of(spec: dict[str, Any]) -> dict[str, Any]:
    """Given a container's specification, return what `describe` told of it or, in an archive from
    before that was recorded, what is usual.
    """
    if "production" in spec:
        told: dict[str, Any] = spec["production"]
        return told
    named = [name for name in spec["networks"] if name not in _BUILT_IN_NETWORKS]
    usual = {"driver": "bridge", "internal": False, "attachable": False, "enable_ipv6": False}
    usual_network = {**usual, "options": {}, "labels": {}, "pools": [], "address": {}}
    mounts = spec["mounts"]
    return {
        "labels": {},
        "config": {"ExposedPorts": {port: {} for port in spec["ports"]}},
        "host_config": {},
        "network_mode": next(iter([*named, *spec["networks"]]), "default"),
        "networks": dict.fromkeys(named, usual_network),
        "volumes": {
            mount["source"]: {"driver": "local", "options": {}, "labels": {}}
            for mount in mounts
            if mount["type"] == "volume"
        },
        "directories": {
            mount["source"]: {"uid": 0, "gid": 0, "mode": 0o755}
            for mount in mounts
            if mount["type"] == "bind" and "archived" not in mount
        },
    }


def _network(api: Any, name: str) -> dict[str, Any]:
    network = api.inspect_network(name)
    return {
        "driver": network["Driver"],
        "internal": network["Internal"],
        "attachable": network["Attachable"],
        "enable_ipv6": network["EnableIPv6"],
        "options": network["Options"] or {},
        "labels": _foreign(network["Labels"]),
        "pools": network["IPAM"].get("Config") or [],
    }


def _volume(api: Any, name: str) -> dict[str, Any]:
    volume = api.inspect_volume(name)
    return {
        "driver": volume["Driver"],
        "options": volume["Options"] or {},
        "labels": _foreign(volume["Labels"]),
    }


def _foreign(labels: dict[str, str] | None) -> dict[str, str]:
    return {key: value for key, value in (labels or {}).items() if not key.startswith(OWN_LABELS)}


def _owner(path: str) -> dict[str, int]:
    status = os.stat(path)
    return {"uid": status.st_uid, "gid": status.st_gid, "mode": status.st_mode & 0o7777}
