# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""An S3 server as a process, in a container or as a unit: stopped, started, and waited for."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _container
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._helper import Helper
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_contents as contents,
)

_STOP_SECONDS = 120


def start(service: dict[str, Any], helper: Helper) -> None:
    """Given a service, start it unless it runs."""
    if service["runtime"] == "docker":
        _container.start(service["container"])
    else:
        helper.run(["systemctl", "start", service["options"].get("unit", "minio")])


def stop(service: dict[str, Any], helper: Helper) -> None:
    """Given a service, stop it gracefully."""
    if service["runtime"] == "docker":
        _container.stop(service["container"], _STOP_SECONDS)
    else:
        helper.run(["systemctl", "stop", service["options"].get("unit", "minio")])


def answering(service: dict[str, Any]) -> access.Api:
    """Given a service that was started a moment ago, return its interface once it answers: as the
    user that its container was made with, since others are not back yet, or as its own.

    Raise the last BackupError after service["wait"] seconds, at once when it refuses the user.
    """
    deadline = time.monotonic() + service.get("wait", 120)
    while True:
        for candidate in _candidates(service):
            try:
                api = access.Api(candidate)
                contents.buckets(api)
                return api
            except BackupError as error:
                failure = error
        if getattr(failure, "status", 503) != 503 or time.monotonic() > deadline:
            raise failure
        time.sleep(0.3)


def _candidates(service: dict[str, Any]) -> list[dict[str, Any]]:
    if service["runtime"] != "docker":
        return [service]
    variables = _container.environment(_container.inspect(service["container"]))
    root = {
        "user": variables.get("MINIO_ROOT_USER"),
        "secret": variables.get("MINIO_ROOT_PASSWORD"),
    }
    return [service | root, service] if all(root.values()) else [service]
