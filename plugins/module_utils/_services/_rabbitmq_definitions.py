# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""RabbitMQ's definitions in canonical form, and as objects with names. No broker is needed here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._checksum import (
    Checksums,
    canonical,
    digest,
)

Definitions = dict[str, Any]

# Each list of the definitions: what one entry is called, and the keys that tell entries apart.
SECTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "vhosts": ("virtual host", ("name",)),
    "users": ("user", ("name",)),
    "permissions": ("permission of", ("user", "vhost")),
    "topic_permissions": ("topic permission of", ("user", "vhost", "exchange")),
    "parameters": ("parameter", ("name", "component", "vhost")),
    "global_parameters": ("global parameter", ("name",)),
    "policies": ("policy", ("name", "vhost")),
    "queues": ("queue", ("name", "vhost")),
    "exchanges": ("exchange", ("name", "vhost")),
    "bindings": (
        "binding of",
        ("source", "vhost", "destination_type", "destination", "routing_key", "arguments"),
    ),
}
# Definitions that go into one request; the management interface reads some megabytes at once.
_PART = 2000
# A broker has these from its first start on.
_OF_THE_BROKER = ("vhosts", "users", "permissions", "topic_permissions", "global_parameters")


def ordered(exported: Definitions, metadata: dict[str, Any]) -> Definitions:
    """Given exported definitions and the metadata of each virtual host, which the management
    interface leaves out of them, return the definitions that one state of a broker always has.

    The broker's own global parameters (internal_…), which each broker makes anew, are left out.
    """
    found = {**exported}
    found["vhosts"] = [
        {**entry, "metadata": metadata[entry["name"]]} if entry["name"] in metadata else entry
        for entry in exported.get("vhosts", [])
    ]
    found["global_parameters"] = [
        entry
        for entry in exported.get("global_parameters", [])
        if not entry["name"].startswith("internal_")
    ]
    return {
        key: sorted(value, key=canonical) if isinstance(value, list) else value
        for key, value in sorted(found.items())
    }


def objects(definitions: Definitions) -> Checksums:
    """Given definitions, return each of their objects with a digest.

    Queues that leave by themselves after a while (x-expires), and their bindings, are left out.
    """
    gone = leaving(definitions)
    return {
        name(section, entry): {"digest": digest(entry)[:32]}
        for section, entries in definitions.items()
        if isinstance(entries, list)
        for entry in entries
        if not leaves(section, entry, gone)
    }


def leaving(definitions: Definitions) -> set[tuple[str, str]]:
    """Given definitions, return virtual host and name of the queues that leave by themselves."""
    return {
        (queue["vhost"], queue["name"])
        for queue in definitions.get("queues", [])
        if "x-expires" in queue["arguments"]
    }


def leaves(section: str, entry: dict[str, Any], gone: set[tuple[str, str]]) -> bool:
    """Given a list of the definitions, an entry of it and the queues that leave by themselves, tell
    whether it goes with one of them.
    """
    place = (entry.get("vhost"), entry.get("destination") or entry.get("name"))
    to_queue = section == "queues" or entry.get("destination_type") == "queue"
    return to_queue and place in gone


def name(section: str, entry: dict[str, Any]) -> str:
    """Given a list of the definitions and an entry of it, return the name that only it has."""
    kind, keys = SECTIONS.get(section, (section, tuple(sorted(entry))))
    words = [f"{kind} {canonical(entry.get(keys[0]))}"]
    words += [
        f"{key} {canonical(entry[key])}" for key in keys[1:] if entry.get(key) not in ({}, None)
    ]
    return " ".join(words)


def foreign(present: Definitions, wanted: Definitions) -> list[str]:
    """Given the definitions of a broker and those to restore, return the names of what the broker
    would lose: all that the wanted definitions do not hold in the same form.

    What every broker begins with, one virtual host and one user, is no loss.
    """
    held = {
        name(section, entry): entry
        for section, entries in wanted.items()
        if isinstance(entries, list)
        for entry in entries
    }
    lost = [
        name(section, entry)
        for section, entries in present.items()
        if isinstance(entries, list) and section not in _OF_THE_BROKER
        for entry in entries
        if not _alike(entry, held.get(name(section, entry)))
    ]
    for section in ("vhosts", "users"):
        extra = missing(section, present, wanted)
        if len(extra) > 1:
            lost += [f"{SECTIONS[section][0]} {canonical(each)}" for each in extra]
    return sorted(lost)


def _alike(entry: dict[str, Any], other: dict[str, Any] | None) -> bool:
    # The command's export has keys that the management interface's has not, and the reverse.
    return other is not None and all(
        entry[key] == other[key] for key in entry.keys() & other.keys()
    )


def missing(section: str, present: Definitions, wanted: Definitions) -> list[str]:
    """Return the names of a section's entries that are present, but not among the wanted."""
    names = {entry["name"] for entry in wanted.get(section, [])}
    return sorted(entry["name"] for entry in present.get(section, []) if entry["name"] not in names)


def parts(wanted: Definitions) -> Iterator[Definitions]:
    """Given definitions, yield them in parts that a broker takes in this order: what others refer
    to first, and never more than it reads from one request.
    """
    for section in (*SECTIONS, *(key for key in wanted if key not in SECTIONS)):
        entries = wanted.get(section)
        if isinstance(entries, list):
            for start in range(0, len(entries), _PART):
                yield {section: entries[start : start + _PART]}


def plugins_file(plugins: list[str]) -> str:
    """Given names of plugins, return the broker's file that enables them."""
    return f"[{','.join(sorted(plugins))}].\n"


def plugins_in(text: str) -> list[str]:
    """Given the broker's file that enables plugins, return their names."""
    return sorted(re.findall(r"[a-z][a-z0-9_@]*", re.sub(r"%.*", "", text)))
