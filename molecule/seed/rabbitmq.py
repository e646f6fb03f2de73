# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill a RabbitMQ broker with a topology made of this machine's package world.

Deletes and makes anew its own virtual hosts, users and global parameters, leaves all others alone,
and gives the same definitions for the same packages. Needs the management interface of RabbitMQ
3.10 or later and an administrator.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from packages import catalogue
from rabbitmq_topology import DEBIAN, GLOBAL, HOSTS, USERS, permissions, rules, topology, users


class Broker:
    """The broker's management interface."""

    def __init__(self, url: str, password: str) -> None:
        """Take an address with the user's name in it, and the user's password."""
        parts = urlsplit(url)
        self.user = unquote(parts.username or "guest")
        token = base64.b64encode(f"{self.user}:{password}".encode()).decode()
        self._base = f"{parts.scheme}://{parts.hostname}:{parts.port or 15672}/api/"
        self._headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def ask(self, method: str, *path: str, body: Any = None) -> Any:
        """Ask for a path given in parts and return the answer. Raise RuntimeError if refused."""
        url = self._base + "/".join(quote(part, safe="") for part in path)
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, self._headers, method=method)
        try:
            with self._open(request, timeout=60) as answer:
                return json.loads(answer.read() or "null")
        except urllib.error.HTTPError as refusal:
            if method == "DELETE" and refusal.code == 404:
                return None
            said = refusal.read().decode(errors="replace")
            raise RuntimeError(f"{method} {'/'.join(path)}: {refusal.code} {said}") from refusal
        except OSError as problem:
            raise RuntimeError(f"cannot reach the broker: {problem}") from problem


def clear(broker: Broker) -> None:
    """Delete what an earlier run made."""
    for section, names in (("vhosts", HOSTS), ("users", USERS), ("global-parameters", GLOBAL)):
        for name in names:
            broker.ask("DELETE", section, name)


def seed(broker: Broker, limit: int) -> dict[str, Any]:
    """Seed the broker and return what was made."""
    began = time.monotonic()
    clear(broker)
    with catalogue(limit) as world:
        made = topology(world)
    for name, metadata in HOSTS.items():
        broker.ask("PUT", "vhosts", name, body=metadata)
    definitions = {"users": users(), **permissions(), **rules(), **made}
    definitions["global_parameters"] = [
        {"name": name, "value": value} for name, value in GLOBAL.items()
    ]
    broker.ask("POST", "definitions", body=definitions)
    # Messages are no part of a backup: a restore must bring this queue back without them.
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    broker.ask("PUT", "permissions", DEBIAN, broker.user, body=everything)
    message = {"routing_key": "kept", "payload": "é", "payload_encoding": "string"}
    for _ in range(10):
        body = {**message, "properties": {"delivery_mode": 2}}
        broker.ask("POST", "exchanges", DEBIAN, "amq.default", "publish", body=body)
    result = {section: len(entries) for section, entries in definitions.items()}
    return {**result, "seconds": round(time.monotonic() - began, 1)}


def main() -> int:
    """Parse the command line, seed, and print the result as one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--url",
        default="http://guest@127.0.0.1:15672",
        help="the management interface, with an administrator's name (%(default)s);"
        " the password comes from RABBITMQ_PASSWORD",
    )
    parser.add_argument("--packages", type=int, default=400, help="packages at most (%(default)s)")
    arguments = parser.parse_args()
    if arguments.packages < 10:
        parser.error("at least 10 packages")
    broker = Broker(arguments.url, os.environ.get("RABBITMQ_PASSWORD", "guest"))
    try:
        result = seed(broker, arguments.packages)
    except RuntimeError as failure:
        parser.exit(1, f"rabbitmq.py: {failure}\n")
    print(json.dumps(result, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
