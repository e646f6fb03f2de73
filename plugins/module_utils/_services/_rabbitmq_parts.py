# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One virtual host of RabbitMQ, or all definitions of one type, from a restored twin, beside the
present ones or in their place.

A broker renames nothing and has no transaction. So the definitions in question are brought to what
the archive has, entry by entry, and to what they were if anything goes wrong: the former ones are
remembered. Messages are never lost for that: a queue that has to go, or to be made anew with other
arguments, is only ever deleted `if-empty`, and one that holds messages is a refusal beforehand.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._checksum import differences
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._helper import Helper
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _rabbitmq_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _rabbitmq_change as change,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _rabbitmq_definitions as definitions,
)

KINDS = {
    "vhost": "<virtual host>",
    "definitions": "<type>, or <type>/<virtual host>; a type is a list of the definitions",
}
Side = tuple[dict[str, Any], Helper]
Definitions = definitions.Definitions
# What goes with an entry that is deleted, and has to come back with what takes its place.
_DEPENDENT = {
    "users": ("permissions", "topic_permissions"),
    "queues": ("bindings",),
    "exchanges": ("bindings",),
}
TYPES = tuple(definitions.SECTIONS)[1:]  # a virtual host comes back whole


def restore_part(
    live: Side,
    twin: Side,
    part: dict[str, Any],
    work: Path,
    remember: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Given both brokers, {kind, path, as_name (a new virtual host, or "" for in its place), mark},
    restore the part.

    Return {restored, aside (None: what was there is in what was remembered), objects}. Raise
    BackupError if the archive has nothing of it, the new name is taken, a user is lacking, a queue
    that would have to go holds messages, or the part does not come back equal.
    """
    api, source = access.Api(live[0]), access.Api(twin[0])
    archived, present = source.definitions(), api.definitions()
    scope = _scope(part)
    wanted = change.within(archived, scope)
    host = scope["vhost"]
    if not any(wanted.values()):
        raise BackupError(f"there is no {part['kind']} {part['path']} in the archive")
    if part["as_name"]:
        if part["kind"] != "vhost":
            raise BackupError("only a virtual host has a place beside the present one")
        if change.within(present, {**scope, "vhost": part["as_name"]})["vhosts"]:
            raise BackupError(f"{api.place} has a virtual host {part['as_name']} already")
        wanted = _renamed(wanted, part["as_name"])
        scope = {**scope, "vhost": part["as_name"]}
    elif part["kind"] == "definitions" and host and host not in _names(present, "vhosts"):
        raise BackupError(f"{api.place} has no virtual host {host}: restore that")
    before = change.within(present, scope)
    wanted = completed(wanted, before, scope)
    _refuse_strangers(api, live[0], scope, wanted, present)
    change.refuse(api, live[0]["user"], before, wanted)
    remember({"scope": scope, "before": before})
    change.converge(api, live[0]["user"], scope, wanted)
    chosen = {"sections": scope["sections"], "vhost": scope["vhost"]}
    expected, found = (
        definitions.objects(change.within(each, chosen)) for each in (wanted, api.definitions())
    )
    if sentences := differences(expected, found):
        raise BackupError(f"{part['kind']} did not come back equal: {sentences[0]}")
    return {"restored": part["as_name"] or part["path"], "aside": None, "objects": len(expected)}


def undo(token: dict[str, Any]) -> None:
    """Given what was remembered, have the definitions as before; again and again if need be.

    Raise BackupError if a queue that was made meanwhile holds messages.
    """
    service = token["service"]
    change.converge(access.Api(service), service["user"], token["scope"], token["before"])


def discard(token: dict[str, Any]) -> None:
    """Given what was remembered, do nothing: what was there is kept there alone."""


def _scope(part: dict[str, Any]) -> dict[str, Any]:
    if part["kind"] == "vhost":
        sections = [
            name for name in definitions.SECTIONS if name not in ("users", "global_parameters")
        ]
        return {"sections": sections, "dependent": [], "vhost": part["path"]}
    section, _slash, host = part["path"].partition("/")
    if section not in TYPES or (host and section in ("users", "global_parameters")):
        raise BackupError(f"{part['path']} is not {KINDS['definitions']}: {', '.join(TYPES)}")
    dependent = list(_DEPENDENT.get(section, ()))
    return {"sections": [section], "dependent": dependent, "vhost": host or None}


def _names(found: Definitions, section: str) -> set[str]:
    return {entry["name"] for entry in found.get(section, [])}


def _renamed(found: Definitions, host: str) -> Definitions:
    return {
        section: [{**entry, "name" if section == "vhosts" else "vhost": host} for entry in entries]
        for section, entries in found.items()
    }


def completed(wanted: Definitions, before: Definitions, scope: dict[str, Any]) -> Definitions:
    """Return what is wanted and, of what depends on it, what is there now and still can be."""
    result = {section: wanted[section] for section in scope["sections"]}
    for section in scope["dependent"]:
        result[section] = [
            entry for entry in before[section] if not _orphaned(section, entry, before, wanted)
        ]
    return result


def _orphaned(
    section: str, entry: dict[str, Any], before: Definitions, wanted: Definitions
) -> bool:
    """Tell whether an entry refers to something that goes: what was there and is not wanted."""

    def goes(kind: str, name: str) -> bool:
        place = (entry["vhost"], name) if kind != "users" else (None, name)
        there, stays = (
            {(each.get("vhost"), each["name"]) for each in found.get(kind, [])}
            for found in (before, wanted)
        )
        return kind in wanted and place in there and place not in stays

    if section == "bindings":
        to = "queues" if entry["destination_type"] == "queue" else "exchanges"
        return goes("exchanges", entry["source"]) or goes(to, entry["destination"])
    return goes("users", entry["user"])


def _refuse_strangers(
    api: access.Api,
    service: dict[str, Any],
    scope: dict[str, Any],
    wanted: Definitions,
    present: Definitions,
) -> None:
    """Refuse permissions of users that are not there, and to remove the user who does this."""
    users = _names(wanted if "users" in scope["sections"] else present, "users")
    if service["user"] not in users:
        raise BackupError(f"the archive knows no user {service['user']}, whom the backup needs")
    named = {entry["user"] for entry in wanted.get("permissions", [])}
    if lacking := sorted(named - users):
        raise BackupError(
            f"{api.place} has no user {', '.join(lacking)}, who has permissions there: "
            "restore definitions/users first"
        )
