# SPDX-License-Identifier: GPL-3.0-or-later
"""The topology with which rabbitmq.py fills a broker: plain definitions, made of packages."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from packages import Catalogue, Package

DEBIAN = "debian"
DEPOT = 'dépôt "süd" a=1/2'
EMPTY = "leer"
HOSTS = {
    # RabbitMQ 3.10 spoils tags that are not ASCII, at each import anew.
    DEBIAN: {"description": "Uploads, builds & bugs", "tags": "production,b"},
    DEPOT: {"description": "", "tags": ""},
    EMPTY: {"description": "no exchange, no queue", "tags": ""},
}
# Not ASCII, a path, an escape, a line feed, and as long as a name may be.
AWKWARD = 'É/è%2F "x"\n' + 240 * "n"

# Name: tags and algorithm, or no password at all.
USERS: dict[str, tuple[list[str], str | None]] = {
    "debian builder": (["management"], "sha256"),
    'Rôle "mit" Leer\'zeichen/%2F': (["monitoring", "policymaker"], "sha512"),
    "debian legacy": ([], "md5"),
    "debian certificate": ([], None),
}
GLOBAL = {"seed of janus": {"nested": [1, 2.5, True, None, {"ü": ""}], "long": 2**53}}


def password(user: str) -> str:
    """Return the password of a seeded user."""
    return f"geheim {user[::-1]}"


def users() -> list[dict[str, Any]]:
    """Return the users; their hashes have salts that are the same each time."""
    found = []
    for name, (tags, algorithm) in USERS.items():
        entry: dict[str, Any] = {"name": name, "tags": tags, "limits": {}, "password_hash": ""}
        if algorithm:
            salt = hashlib.sha256(name.encode()).digest()[:4]
            hashed = hashlib.new(algorithm, salt + password(name).encode()).digest()
            entry["password_hash"] = base64.b64encode(salt + hashed).decode()
        entry["hashing_algorithm"] = f"rabbit_password_hashing_{algorithm or 'sha256'}"
        found.append(entry)
    found[0]["limits"] = {"max-connections": 20, "max-channels": 200}
    return found


def permissions() -> dict[str, list[dict[str, Any]]]:
    """Return who may do what where."""
    rights = {"configure": "^$", "write": r"^(uploads|section\..*)$", "read": ".*"}
    topics = {"write": r"^{username}\.", "read": r"\.(é|amd64)$"}
    return {
        "permissions": [
            {"user": name, "vhost": host, **rights} for name in USERS for host in (DEBIAN, DEPOT)
        ],
        "topic_permissions": [
            {"user": "debian builder", "vhost": DEBIAN, "exchange": name, **topics}
            for name in ("uploads", "amq.topic")
        ],
    }


def rules() -> dict[str, list[dict[str, Any]]]:
    """Return policies and parameters."""

    def policy(name: str, pattern: str, target: str, priority: int, **definition: Any) -> Any:
        return {
            "vhost": DEBIAN,
            "name": name,
            "pattern": pattern,
            "apply-to": target,
            "priority": priority,
            "definition": {key.replace("_", "-"): value for key, value in definition.items()},
        }

    return {
        "policies": [
            policy("length", r"^build\.[a-m]", "queues", 1, max_length=100_000),
            policy("Länge/2", r"^build\.lib.*\d+$", "queues", 9, max_length=9, message_ttl=10**8),
            policy("alternate", "^uploads$", "exchanges", 0, alternate_exchange="lost"),
        ],
        "parameters": [
            {
                "vhost": DEBIAN,
                "component": "operator_policy",
                "name": "bound",
                "value": {
                    "pattern": ".*",
                    "apply-to": "queues",
                    "priority": 0,
                    "definition": {"max-length-bytes": 10**9},
                },
            },
            {
                "vhost": DEBIAN,
                "component": "vhost-limits",
                "name": "limits",
                "value": {"max-connections": 500, "max-queues": 100_000},
            },
        ],
    }


def queue(package: Package, number: int) -> dict[str, Any]:
    """Return the queue of a package, each kind of queue now and then."""
    dead = {"x-dead-letter-exchange": "lost", "x-dead-letter-routing-key": f"dead.{package.name}"}
    kinds: list[dict[str, Any]] = [
        {},
        {"x-message-ttl": 60_000 + number, **dead},
        {"x-max-priority": 5, "x-single-active-consumer": True},
        {"x-max-length": 1000, "x-overflow": "reject-publish"},
    ]
    arguments = kinds[number % len(kinds)]
    if number % 60 == 7:
        arguments = {"x-queue-type": "quorum", "x-delivery-limit": 3}
    if number % 150 == 11:
        arguments = {"x-queue-type": "stream", "x-max-age": "7D"}
    return {
        "vhost": DEBIAN,
        "name": f"build.{package.name}",
        "durable": True,
        "auto_delete": False,
        "arguments": arguments,
    }


def exchange(name: str, kind: str, host: str = DEBIAN, **more: Any) -> dict[str, Any]:
    """Return an exchange."""
    plain = {"durable": True, "auto_delete": False, "internal": False, "arguments": {}}
    return {"vhost": host, "name": name, "type": kind, **plain, **more}


def binding(
    source: str, target: str, key: str = "", kind: str = "queue", host: str = DEBIAN, **more: Any
) -> dict[str, Any]:
    """Return a binding with more as its arguments."""
    return {
        "vhost": host,
        "source": source,
        "destination": target,
        "destination_type": kind,
        "routing_key": key,
        "arguments": {name.replace("_", "-"): value for name, value in more.items()},
    }


def topology(world: Catalogue) -> dict[str, list[dict[str, Any]]]:
    """Return exchanges, queues and bindings: an exchange per section, a queue per package, a
    binding for each dependency.
    """
    exchanges = [
        exchange("uploads", "topic"),
        exchange("lost", "fanout"),
        exchange("architectures", "headers", arguments={"alternate-exchange": "lost"}),
        exchange("inside", "direct", internal=True),
        exchange("passing", "fanout", durable=False, auto_delete=True),
        exchange(AWKWARD, "topic", DEPOT),
    ]
    plain = {"durable": True, "auto_delete": False, "arguments": {}}
    queues = [
        {"vhost": DEPOT, "name": AWKWARD, **plain},
        {"vhost": DEBIAN, "name": "kept", **plain},
        {"vhost": DEBIAN, "name": "passing", **plain, "durable": False, "auto_delete": True},
        {"vhost": DEBIAN, "name": "leaving", **plain, "arguments": {"x-expires": 3_600_000}},
    ]
    bindings = [
        binding(AWKWARD, AWKWARD, "#.é", host=DEPOT),
        binding("amq.topic", "kept", "#"),
        binding("amq.topic", "leaving", "#"),
        binding("lost", "kept"),
        binding("lost", "kept", "the same but for the key"),
        binding("architectures", "kept", x_match="any", size=2**40, part=0.1, essential=True),
        binding("architectures", "kept", x_match="all", names=["é", 1, {"deep": False}]),
    ]
    sections: set[str] = set()
    # One queue per name, whatever the number of versions.
    packages = {package.name: package for package in world}
    for number, package in enumerate(packages.values()):
        section = package.section or "none"
        if section not in sections:
            sections.add(section)
            exchanges.append(exchange(f"section.{section}", "topic"))
            bindings.append(binding("uploads", f"section.{section}", f"{section}.#", "exchange"))
        queues.append(queue(package, number))
        place = f"build.{package.name}"
        bindings.append(binding(f"section.{section}", place, f"{section}.{package.name}.#"))
        needed = {each.name for relation in package.dependencies for each in relation.alternatives}
        bindings += [
            binding("uploads", place, f"*.{name}") for name in sorted(needed & packages.keys())
        ]
    return {"exchanges": exchanges, "queues": queues, "bindings": bindings}
