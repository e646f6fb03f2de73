# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How RabbitMQ is asked: its management interface, its configuration files, its own commands."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ansible_collections.janus.backup.plugins.module_utils import (
    _container,
    _container_files,
    _http,
)
from ansible_collections.janus.backup.plugins.module_utils._checksum import Checksums, canonical
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import read_secret
from ansible_collections.janus.backup.plugins.module_utils._helper import Helper
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _rabbitmq_definitions as definitions,
)

_PORT = 15672
_PLUGINS_PATH = "/etc/rabbitmq/enabled_plugins"
# A broker tells of its configuration files with its first statistics, seconds after its start.
_STATISTICS_SECONDS = 30
# What leads the broker's commands to it; none of it is a secret.
_NODE_VARIABLES = ("RABBITMQ_NODENAME", "RABBITMQ_USE_LONGNAME")


class Api:
    """The management interface, as the service's user; all its answers are of one broker."""

    def __init__(self, service: dict[str, Any]) -> None:
        secret = read_secret(service["password_file"]) if service.get("password_file") else ""
        pair = base64.b64encode(f"{service['user']}:{secret}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}"}
        self._user = service["user"]
        self._server = _http.server(service, "RabbitMQ", _PORT, headers)
        self.place = self._server.place

    def ask(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Given a path below /api, return its answer. Raise BackupError if there is none."""
        try:
            return self._server.ask(f"/api/{path}", method, body)
        except _http.RefusedError as error:
            if error.status == 401:
                raise BackupError(
                    f"{self.place} refuses user {self._user}: unknown, another password, "
                    "or without the tag for the management interface"
                ) from error
            raise

    def overview(self) -> dict[str, Any]:
        """Return version and node. Raise BackupError if the user is no administrator."""
        if "administrator" not in self.ask("whoami")["tags"]:
            raise BackupError(
                f"user {self._user} of {self.place} is no administrator: "
                "users and their password hashes could not be dumped"
            )
        found: dict[str, Any] = self.ask("overview?columns=rabbitmq_version,node")
        return found

    def definitions(self) -> definitions.Definitions:
        """Return all definitions in canonical form."""
        hosts = self.ask("vhosts?columns=name,metadata")
        metadata = {host["name"]: host["metadata"] for host in hosts if "metadata" in host}
        return definitions.ordered(self.ask("definitions"), metadata)

    def remove(self, section: str, name: str) -> None:
        """Given a list of the definitions and the name of an entry in it, delete that."""
        self.ask(f"{section.replace('_', '-')}/{quote(name, safe='')}", "DELETE")

    def feature_flags(self) -> list[str]:
        """Return the names of the feature flags that are enabled."""
        flags = self.ask("feature-flags")
        return sorted(flag["name"] for flag in flags if flag["state"] == "enabled")

    def node(self, name: str) -> dict[str, Any]:
        """Given the node's name, return its enabled_plugins and config_files."""
        deadline = time.monotonic() + _STATISTICS_SECONDS
        while True:
            for node in self.ask("nodes?columns=name,enabled_plugins,config_files"):
                if node["name"] == name and "enabled_plugins" in node:
                    return node
            if time.monotonic() > deadline:
                raise BackupError(
                    f"{self.place} does not tell its plugins and configuration files: "
                    "are its statistics disabled?"
                )
            time.sleep(0.5)


def read(service: dict[str, Any]) -> dict[str, Any]:
    """Given a service, return its state: definitions, plugins, flags and files {path: bytes}."""
    api = Api(service)
    node = api.node(api.overview()["node"])
    paths = node.get("config_files", [])
    return {
        "definitions": api.definitions(),
        "plugins": plugins(service) or sorted(node["enabled_plugins"]),
        "flags": api.feature_flags(),
        "files": {
            path: text for path in sorted(paths) if (text := file(service, path)) is not None
        },
    }


def checksums(state: dict[str, Any]) -> Checksums:
    """Given a service's state, return its objects. Flags are no data: they only ever increase."""
    found = definitions.objects(state["definitions"])
    found |= {f"plugin {canonical(plugin)}": {"enabled": True} for plugin in state["plugins"]}
    for path, text in state["files"].items():
        found[f"configuration file {canonical(path)}"] = {
            "digest": hashlib.sha256(text).hexdigest()[:32]
        }
    return found


def plugins(service: dict[str, Any]) -> list[str]:
    """Given a service, return the plugins that the broker's own file enables, as of now: what the
    interface tells of them is some seconds old. An empty list if there is no such file.
    """
    path = variables(service).get("RABBITMQ_ENABLED_PLUGINS_FILE", _PLUGINS_PATH)
    content = file(service, path)
    return definitions.plugins_in(content.decode()) if content is not None else []


def variables(service: dict[str, Any]) -> dict[str, str]:
    """Given a service, return the environment of its container, or nothing without one."""
    if service["runtime"] == "host":
        return {}
    return _container.environment(_container.inspect(service["container"]))


def file(service: dict[str, Any], path: str) -> bytes | None:
    """Given a path on the broker's side, return what is in that file, or None without one."""
    if service["runtime"] == "docker":
        return _container_files.read(service["container"], path)
    local = Path(path)
    return local.read_bytes() if local.is_file() else None


def wait(service: dict[str, Any]) -> None:
    """Given a service that was started a moment ago, return once its management interface answers,
    whatever it says: nobody can log in to a new broker yet.
    """
    try:
        _http.wait(lambda: Api(service).ask("whoami"), service.get("wait", 60))
    except BackupError as error:
        if not _http.refused(error):
            raise


def command(
    service: dict[str, Any], helper: Helper, *arguments: str, output: Path | None = None
) -> str:
    """Given a helper beside the broker, run rabbitmqctl in it. Return what it said."""
    present = variables(service)
    chosen = {key: present[key] for key in _NODE_VARIABLES if key in present}
    return helper.run(["rabbitmqctl", "--quiet", *arguments], chosen, output)


def told(service: dict[str, Any], helper: Helper, *arguments: str) -> Any:
    """Given a helper beside the broker, run rabbitmqctl and return the JSON that it prints."""
    path = Path(service["scratch"]) / "told.json"
    try:
        command(service, helper, *arguments, output=path)
        return json.loads(path.read_text(encoding="utf-8"))
    finally:
        path.unlink(missing_ok=True)
