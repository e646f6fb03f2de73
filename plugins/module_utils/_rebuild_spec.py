# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a drill rebuilds, in a container, a service that ran in none: from its declaration's
`rebuild`, in the same form as the specification of a container.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _container
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import read_secret


def describe(service: dict[str, Any]) -> dict[str, Any]:
    """Given a service as a job has it, return the specification of the container to rebuild it in.

    The service's password is in its environment: keep it where only root reads. An image that the
    node lacks is known by its reference only. Raise BackupError if the password cannot be read.
    """
    wanted = service["rebuild"]
    variables = dict(wanted.get("environment") or {})
    if name := wanted.get("password_environment"):
        variables[name] = read_secret(service["password_file"])
    config: dict[str, Any] = {"Env": [f"{name}={value}" for name, value in variables.items()]}
    if command := wanted.get("command"):
        config["Cmd"] = command
    return {
        "name": service["name"],
        "image": _image(wanted["image"]),
        "hostname": service["name"].replace("_", "-"),
        "config": config,
        "host_config": {},
        "restart_policy": None,
        "ports": {},
        "networks": {},
        "mounts": [
            {"type": "volume", "source": None, "destination": path, "read_only": False}
            for path in wanted.get("volumes") or []
        ],
    }


def _image(reference: str) -> dict[str, Any]:
    import docker

    found: dict[str, Any] = {"reference": reference, "id": None, "repo_digests": []}
    try:
        image = _container.client().api.inspect_image(reference)
    except (BackupError, docker.errors.APIError):  # the node need have no Docker at all
        return found
    return {**found, "id": image["Id"], "repo_digests": image.get("RepoDigests") or []}
