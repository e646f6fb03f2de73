# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring some of RabbitMQ's definitions to what they shall be, and lose no message for that.

A queue that has to go, or to be made anew with other arguments, is deleted `if-empty`. RabbitMQ
does not support that for quorum queues and streams: of these the management interface is asked
right before how many messages they hold, which it knows as of some seconds ago.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ansible_collections.janus.backup.plugins.module_utils import _http
from ansible_collections.janus.backup.plugins.module_utils._checksum import canonical
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _rabbitmq_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _rabbitmq_definitions as definitions,
)

Definitions = definitions.Definitions
# In this order, so that nothing refers to what is gone already.
_REMOVAL = (
    *("bindings", "queues", "exchanges", "policies", "parameters", "topic_permissions"),
    *("permissions", "global_parameters", "users"),
)
# Deleted with the rights of a client of their virtual host, whoever administrates the broker.
_OF_CLIENTS = ("bindings", "queues", "exchanges")


def within(found: Definitions, scope: dict[str, Any]) -> Definitions:
    """Given definitions and {sections, dependent, vhost (None for all)}, return those in it.

    Queues that leave by themselves, and their bindings, are nobody's to bring back.
    """
    leaving = definitions.leaving(found)
    result: Definitions = {}
    for section in (*scope["sections"], *scope.get("dependent", ())):
        key = "name" if section == "vhosts" else "vhost"
        result[section] = [
            entry
            for entry in found.get(section, [])
            if scope["vhost"] in (None, entry.get(key))
            and not definitions.leaves(section, entry, leaving)
        ]
    return result


def refuse(api: access.Api, user: str, present: Definitions, wanted: Definitions) -> None:
    """Given what is there and what shall be, raise BackupError if that cannot be done without
    losing messages, or not by this user.
    """
    going = {section: superfluous(section, present, wanted) for section in _OF_CLIENTS}
    hosts = {entry["vhost"] for entries in going.values() for entry in entries}
    if hosts:
        own = api.ask(f"users/{quote(user, safe='')}/permissions")
        if strange := sorted(hosts - {entry["vhost"] for entry in own}):
            raise BackupError(
                f"user {user} may do nothing in virtual host {', '.join(strange)} of {api.place}, "
                "where queues, exchanges or bindings have to be deleted"
            )
    _refuse_messages(api, {(entry["vhost"], entry["name"]) for entry in going["queues"]})


def converge(api: access.Api, user: str, scope: dict[str, Any], wanted: Definitions) -> None:
    """Given a broker, as whom it is asked, {sections, dependent, vhost} and the definitions that
    shall be there, have it so; again and again if need be.

    Raise BackupError if a queue that has to go holds messages.
    """
    present = within(api.definitions(), scope)
    hosts = superfluous("vhosts", present, wanted)
    for entry in hosts:  # its queues go one by one, if empty, for which one has to be let in
        rights = {"configure": ".*", "write": ".*", "read": ".*"}
        place = f"{quote(entry['name'], safe='')}/{quote(user, safe='')}"
        api.ask(f"permissions/{place}", "PUT", rights)
    for section in _REMOVAL:
        for entry in superfluous(section, present, wanted):
            _remove(api, section, entry)
    for entry in hosts:
        _remove(api, "vhosts", entry)
    present = within(api.definitions(), scope)
    lacking = {
        section: [entry for entry in entries if entry not in present.get(section, [])]
        for section, entries in wanted.items()
    }
    for each in definitions.parts(lacking):
        api.ask("definitions", "POST", each)


def _refuse_messages(api: access.Api, going: set[tuple[str, str]]) -> None:
    full = [
        queue
        for host in sorted({host for host, _name in going})
        for queue in api.ask(f"queues/{quote(host, safe='')}?columns=name,vhost,messages")
        if (queue["vhost"], queue["name"]) in going and queue.get("messages")
    ]
    if full:
        named = ", ".join(f"{queue['name']} ({queue['messages']})" for queue in full[:5])
        raise BackupError(
            f"{len(full)} queues that hold messages would have to be deleted: {named}; "
            "empty them first"
        )


def superfluous(section: str, present: Definitions, wanted: Definitions) -> list[dict[str, Any]]:
    """Return the entries that have to be deleted: not wanted, or in another form that only a new
    one can have.
    """
    named = {definitions.name(section, entry): entry for entry in wanted.get(section, [])}
    found = []
    for entry in present.get(section, []):
        other = named.get(definitions.name(section, entry))
        if other is None or (section in ("queues", "exchanges") and other != entry):
            found.append(entry)
    return found


def _remove(api: access.Api, section: str, entry: dict[str, Any]) -> None:
    """Delete one entry; one that is gone already is gone. Raise BackupError if a queue is full."""
    if section == "queues" and _replicated(entry):
        _refuse_messages(api, {(entry["vhost"], entry["name"])})
    try:
        api.ask(_path(api, section, entry), "DELETE")
    except _http.RefusedError as error:
        if error.status == 404:
            return
        if section == "queues" and error.status == 400:
            raise BackupError(
                f"queue {canonical(entry['name'])} holds messages and is not deleted"
            ) from error
        raise


def _path(api: access.Api, section: str, entry: dict[str, Any]) -> str:
    keys = {
        "permissions": ("vhost", "user"),
        "topic_permissions": ("vhost", "user"),  # all of them; those that are wanted come back
        "parameters": ("component", "vhost", "name"),
        "bindings": ("vhost",),
        "users": ("name",),
        "vhosts": ("name",),
        "global_parameters": ("name",),
    }.get(section, ("vhost", "name"))
    path = "/".join([section.replace("_", "-"), *(quote(entry[key], safe="") for key in keys)])
    if section == "queues":
        return path if _replicated(entry) else f"{path}?if-empty=true"
    if section != "bindings":
        return path
    kind = entry["destination_type"][0]
    source, target = (quote(entry[key], safe="") for key in ("source", "destination"))
    path = f"{path}/e/{source}/{kind}/{target}"
    for found in api.ask(path):
        if all(found[key] == entry[key] for key in ("routing_key", "arguments")):
            return f"{path}/{quote(found['properties_key'], safe='')}"
    return f"{path}/gone"


def _replicated(queue: dict[str, Any]) -> bool:
    return queue["arguments"].get("x-queue-type", "classic") != "classic"
