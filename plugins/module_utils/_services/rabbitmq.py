# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""RabbitMQ: its definitions, plugins and configuration files, without the messages in its queues.

Consistency is `bracketed`: the broker cannot freeze its definitions, and lists them one kind after
the other. They are read until two readings after each other are equal, and the dump is what was
read, so that the checksums describe exactly what is in it. A dump that was changing during all
readings is `fuzzy`: its parts may be from different moments.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ansible_collections.janus.backup.plugins.module_utils import (
    _container,
    _container_files,
    _http,
)
from ansible_collections.janus.backup.plugins.module_utils._checksum import Checksums, differences
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import (
    private_directory,
    write_atomically,
)
from ansible_collections.janus.backup.plugins.module_utils._helper import Helper, beside, inside
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _rabbitmq_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _rabbitmq_definitions as definitions,
)

LIBRARIES = ()
DUMP_HELPER: dict[str, Any] = {}
# The broker's commands prove themselves with the cookie in its data volume.
RESTORE_HELPER: dict[str, Any] = {"volumes": "ro"}
SMOKE = "overview?columns=rabbitmq_version,node"
_DEFINITIONS = "definitions.json"
_PLUGINS = "enabled_plugins"
_FLAGS = "feature_flags.json"
_FILES = "configuration"
_READINGS = 4


def check(service: dict[str, Any]) -> dict[str, Any]:
    """Given a service, look at it and touch nothing.

    Return {version, node, objects: {kind: number}, bytes}. Raise BackupError if the broker does not
    answer, refuses the user, or the user is no administrator.
    """
    api = access.Api(service)
    overview = api.overview()
    exported = api.definitions()
    lists = {kind: len(entries) for kind, entries in exported.items() if isinstance(entries, list)}
    return {
        "version": overview["rabbitmq_version"],
        "node": overview["node"],
        "objects": lists,
        "bytes": 2 * len(_text(exported).encode()) + 1_000_000,
    }


def quiesce(
    service: dict[str, Any], facts: dict[str, Any], remember: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Given a service, leave it as it is: a broker has nothing that holds its definitions still."""
    return {}


def resume(token: dict[str, Any]) -> None:
    """Given a token, undo nothing."""


def dump(
    service: dict[str, Any], token: dict[str, Any], directory: Path, helper: Helper
) -> dict[str, Any]:
    """Given a service and an empty directory, write definitions, plugins, flags and configuration.

    Return {consistency, checksums, tools}. Raise BackupError if the broker does not answer.
    """
    state = access.read(service)
    kind, reason = "fuzzy", ""
    for _reading in range(_READINGS - 1):
        earlier, state = state, access.read(service)
        if state == earlier:
            kind, reason = "bracketed", ""
            break
        changed = differences(access.checksums(earlier), access.checksums(state))
        first = changed[0].split(": ")[0] if changed else "a queue that expires"
        reason = f"clients changed definitions during {_READINGS} readings, lastly {first}"
    _http.keep_certificates(service, directory)
    write_atomically(directory / _DEFINITIONS, _text(state["definitions"]))
    write_atomically(directory / _PLUGINS, definitions.plugins_file(state["plugins"]))
    write_atomically(directory / _FLAGS, json.dumps(state["flags"], indent=1) + "\n")
    for path, content in state["files"].items():
        target = directory / _FILES / path.lstrip("/")
        private_directory(target.parent)
        target.write_bytes(content)
        target.chmod(0o600)
    return {
        "consistency": {"kind": kind, "reason": reason or None},
        "checksums": access.checksums(state),
        "tools": {},
    }


def checksum(service: dict[str, Any]) -> Checksums:
    """Given a service, return the checksums of its definitions as of now."""
    return access.checksums(access.read(service))


def query(service: dict[str, Any], target: str | None, text: str) -> Any:
    """Given a service, a virtual host and a path below /api in which {vhost} stands for it, return
    the answer. Raise BackupError if the broker refuses.
    """
    path = text.replace("{vhost}", quote(target or "/", safe=""))
    return access.Api(service).ask(path)


def restore(
    service: dict[str, Any], directory: Path, helper: Helper, record: dict[str, Any], replace: bool
) -> None:
    """Given an archived dump and its record, bring files, plugins and definitions back.

    Nobody of the dump can log in to a new broker, so that the broker's own commands make room and
    the service's user, who then imports all the rest. Raise BackupError if the broker holds
    definitions of its own and replace is false.
    """
    access.wait(service)
    wanted = json.loads((directory / _DEFINITIONS).read_text(encoding="utf-8"))
    present = access.told(service, helper, "export_definitions", "-", "--format=json")
    own = definitions.foreign(present, wanted)
    if own and not replace:
        raise BackupError(
            f"RabbitMQ in {service.get('container') or service['host']} is not empty "
            f"({len(own)} definitions, first {own[0]}): refusing to overwrite it without replace"
        )
    if _restore_files(service, directory):
        access.wait(service)
        # A container that was restarted has another network than the helper beside it before.
        scratch = Path(service["scratch"])
        with beside(service, [scratch], [directory], **RESTORE_HELPER) as another:
            _prepare(service, directory, another, wanted)
        helper.seconds += another.seconds
    else:
        _prepare(service, directory, helper, wanted)
    api = access.Api(service)
    for host in _stale(present, replace):
        api.remove("vhosts", host)
    with helper.timed():
        for part in definitions.parts(wanted):
            api.ask("definitions", "POST", part)
    present = api.definitions()
    for section in ("vhosts", "users", "global_parameters"):  # such as guest
        for name in definitions.missing(section, present, wanted):
            api.remove(section, name)


def _prepare(
    service: dict[str, Any], directory: Path, helper: Helper, wanted: definitions.Definitions
) -> None:
    _restore_plugins(service, directory)
    _enable_flags(service, directory, helper)
    user = [entry for entry in wanted["users"] if entry["name"] == service["user"]]
    if not user:
        raise BackupError(f"the dump knows no user {service['user']}, who would import the rest")
    path = Path(service["scratch"]) / "user.json"
    try:
        write_atomically(path, json.dumps({"users": user}))
        access.command(service, helper, "import_definitions", str(path))
    finally:
        path.unlink(missing_ok=True)


def _text(exported: definitions.Definitions) -> str:
    return json.dumps(exported, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _restore_files(service: dict[str, Any], directory: Path) -> bool:
    """Put configuration files back that differ, and return whether the broker was restarted.

    Only into a container, and only what is its own: a file that is mounted from the host belongs to
    the host, and the comparison tells if it is another one.
    """
    if service["runtime"] == "host":
        return False
    name, changed = service["container"], False
    for source in sorted((directory / _FILES).rglob("*")):
        path = f"/{source.relative_to(directory / _FILES)}"
        if not source.is_file() or _container_files.of_host(name, path):
            continue
        content = source.read_bytes()
        if _container_files.read(name, path) != content:
            _container_files.write(name, path, content)
            changed = True
    if changed:
        _container.stop(name, 60)
        _container.start(name)
    return changed


def _restore_plugins(service: dict[str, Any], directory: Path) -> None:
    wanted = definitions.plugins_in((directory / _PLUGINS).read_text(encoding="utf-8"))
    if access.plugins(service) != wanted:
        # The command makes its file anew, and the broker, another user, has to read it.
        command = 'umask 022; exec rabbitmq-plugins --quiet set "$@"'
        inside(service).run(["sh", "-c", command, "sh", *wanted])
        access.wait(service)


def _enable_flags(service: dict[str, Any], directory: Path, helper: Helper) -> None:
    """Enable what was enabled, since definitions may need it. No flag can be disabled again."""
    wanted = json.loads((directory / _FLAGS).read_text(encoding="utf-8"))
    told = access.told(service, helper, "list_feature_flags", "name", "state", "--formatter=json")
    states = {flag["name"]: flag["state"] for flag in told}
    for flag in wanted:
        if states.get(flag) != "enabled":
            access.command(service, helper, "enable_feature_flag", flag)


def _stale(present: definitions.Definitions, replace: bool) -> list[str]:
    """Return the virtual hosts to delete before the import, which changes nothing that is there:
    those without a queue, so that no message is lost, or all of them.
    """
    used = {queue["vhost"] for queue in present["queues"]}
    names = [host["name"] for host in present["vhosts"]]
    return [name for name in names if replace or name not in used]
