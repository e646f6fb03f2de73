# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a server holds the very backups that are to be made of it: then there are none when it is
lost, and each run would store the last one again.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.janus.backup.plugins.module_utils import _container
from ansible_collections.janus.backup.plugins.module_utils._checksum import canonical
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_contents as contents,
)

_WEB = {"http": 80, "https": 443}
_REPOSITORY = b"[repository]"


def refuse(service: dict[str, Any], api: access.Api) -> None:
    """Given a service whose `destinations` say where backups go, raise BackupError if one of them
    is in it: as a directory in its volumes, as its own address, or as a repository of Borg in one
    of its buckets.
    """
    for destination in service.get("destinations") or []:
        kind = urlsplit(destination).scheme
        if not kind:
            _refuse_directory(service, api, destination)
        elif kind in _WEB:
            _refuse_address(service, api, destination)
    _refuse_directory(service, api, service["state_directory"])
    for bucket in contents.buckets(api):
        _refuse_repository(api, bucket)


def shows(service: dict[str, Any], path: str, content: bytes) -> bool:
    """Given a service, the path of an object and what is in it, tell whether the service shows it:
    then whoever wrote it there wrote to this server, whatever name or port was used for that.
    """
    try:
        return content in access.Api(service).ask("GET", path)
    except BackupError:  # it is down, or has no such object
        return False


def _refuse_directory(service: dict[str, Any], api: access.Api, path: str) -> None:
    if service["runtime"] != "docker":
        return
    wanted = Path(path).resolve()
    for mount in _container.inspect(service["container"])["Mounts"]:
        if wanted.is_relative_to(Path(mount.get("Source") or "/nowhere").resolve()):
            raise BackupError(
                f"refusing to back up {api.place}: backups go to {path}, which is inside its "
                f"volume {mount['Destination']}"
            )


def _refuse_address(service: dict[str, Any], api: access.Api, url: str) -> None:
    parts = urlsplit(url)
    port = parts.port or _WEB[parts.scheme]
    try:
        asked = {info[4][0] for info in socket.getaddrinfo(parts.hostname, port)}
    except OSError:
        return  # what has no address cannot be reached as this server either
    if any((address, port) in _reached(service) for address in asked):
        raise BackupError(
            f"refusing to back up {api.place}: backups go to {url}, which is the same server"
        )


def _reached(service: dict[str, Any]) -> set[tuple[Any, int]]:
    """Return the addresses and ports at which a service is reached, on its networks and on ours."""
    port = service.get("port") or access.PORT
    ours = {"127.0.0.1", "::1", *_addresses(socket.gethostname())}
    if service["runtime"] == "host":
        named = _addresses(service["host"])
        return {(address, port) for address in (named | ours if named & ours else named)}
    attributes = _container.inspect(service["container"])
    settings = attributes["NetworkSettings"]
    networks = settings["Networks"].values()
    found = {(network["IPAddress"], port) for network in networks}
    if attributes["HostConfig"]["NetworkMode"] == "host":
        found |= {(address, port) for address in ours}
    for inside, published in (settings["Ports"] or {}).items():
        if inside == f"{port}/tcp":
            found |= {(ip, int(each["HostPort"])) for each in published or [] for ip in ours}
    return found


def _addresses(host: str) -> set[Any]:
    try:
        return {info[4][0] for info in socket.getaddrinfo(host, None)}
    except OSError:
        return set()


def _refuse_repository(api: access.Api, bucket: str) -> None:
    """Look at the top of a bucket and one folder below, where repositories are.

    What cannot be looked at is an error: it might be one.
    """
    for prefix in ["", *contents.folders(api, bucket)]:
        try:
            start = api.ask("GET", f"/{bucket}/{prefix}config", headers={"range": "bytes=0-99"})
        except access.S3Error as error:
            if error.status not in (404, 416):  # no such object, or an empty one
                raise
            continue
        if start.startswith(_REPOSITORY) and contents.folders(api, bucket, f"{prefix}data/"):
            where = f"bucket {canonical(bucket)}" + (f" at {canonical(prefix)}" if prefix else "")
            raise BackupError(
                f"refusing to back up {api.place}: {where} holds a repository of Borg"
            )
