# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Neo4j as a process: stop it, start it, and see whether it answers, in a container or as a unit.

A target is what is needed for that and nothing else, plain data that survives a crash in a file.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _container
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

PORT = 7687
AGREED = bytes.fromhex("00000005")
# "Go on with Bolt", then four proposed versions: 5.0 and none (neo4j.com/docs/bolt/handshake).
HANDSHAKE = bytes.fromhex("6060b017") + AGREED + bytes(12)


def target(service: dict[str, Any]) -> dict[str, Any]:
    """Given a service, return what stops, starts and reaches its process."""
    return {
        "runtime": service["runtime"],
        "container": service.get("container"),
        "unit": service["options"].get("unit", "neo4j"),
        "host": service.get("host") or "127.0.0.1",
        "port": service.get("port") or PORT,
        "tls": service["options"].get("tls", False),
    }


def place(target: dict[str, Any]) -> str:
    """Given a target or a service, return how to call it in a sentence."""
    return f"Neo4j in {target.get('container') or target.get('unit') or target.get('host')}"


def run_of(target: dict[str, Any]) -> str | None:
    """Given a target, return what tells its present run from every other, None if it is stopped."""
    if target["runtime"] == "docker":
        state = _container.inspect(target["container"], running=False)["State"]
        return str(state["StartedAt"]) if state["Running"] else None
    shown = _systemctl("show", "--property=ActiveState", "--property=InvocationID", target["unit"])
    found = dict(line.partition("=")[::2] for line in shown.splitlines())
    # a unit that is still stopping counts as running: stopping it again waits for its end
    return None if found["ActiveState"] in ("inactive", "failed") else found["InvocationID"]


def stop(target: dict[str, Any], seconds: int) -> None:
    """Given a target, stop it gracefully within so many seconds.

    Raise BackupError if it had to be killed: its stores are not what they would have been then.
    """
    if target["runtime"] == "docker":
        _container.stop(target["container"], seconds)
        return
    _systemctl("stop", target["unit"], seconds=seconds)
    result = _systemctl("show", "--property=Result", "--value", target["unit"]).strip()
    if result != "success":
        raise BackupError(f"unit {target['unit']} did not stop gracefully: {result}")


def start(target: dict[str, Any]) -> None:
    """Given a target, start it unless it runs."""
    if target["runtime"] == "docker":
        _container.start(target["container"])
    else:
        _systemctl("start", target["unit"])


def connect(target: dict[str, Any]) -> socket.socket:
    """Given a target, return a connection to its Bolt port. Raise OSError if nobody is there, and
    BackupError if its container does not run.
    """
    host = target["host"]
    if target["runtime"] == "docker":
        host = _container.address(_container.inspect(target["container"]))
    connection = socket.create_connection((host, target["port"]), timeout=2)
    try:
        if target["tls"]:
            context = ssl.create_default_context()
            context.check_hostname = False  # reached by address; the certificate is not verified
            context.verify_mode = ssl.CERT_NONE
            return context.wrap_socket(connection)
    except OSError:
        connection.close()
        raise
    return connection


def answers(target: dict[str, Any]) -> bool:
    """Given a target, tell whether its Bolt connector shakes hands."""
    if target["runtime"] == "docker":
        attributes = _container.inspect(target["container"], running=False)
        if not attributes["State"]["Running"]:
            return False
    try:
        with connect(target) as connection:
            connection.sendall(HANDSHAKE)
            return len(connection.recv(4)) == 4
    except OSError:
        return False


def wait_until_it_answers(target: dict[str, Any], seconds: float) -> None:
    """Given a target that was started, return once it answers.

    Raise BackupError if it has ended or does not answer within so many seconds.
    """
    deadline = time.monotonic() + seconds
    while not answers(target):
        if run_of(target) is None:
            raise BackupError(f"{place(target)} ended while it started")
        if time.monotonic() > deadline:
            raise BackupError(f"{place(target)} does not answer after {seconds:.0f} s")
        time.sleep(0.1)


def _systemctl(*arguments: str, seconds: float = 600) -> str:
    try:
        done = subprocess.run(
            ["systemctl", *arguments], capture_output=True, text=True, check=True, timeout=seconds
        )
    except subprocess.CalledProcessError as error:
        cause = " ".join(error.stderr.split())
        raise BackupError(f"systemctl {' '.join(arguments)} failed: {cause}") from error
    except subprocess.TimeoutExpired as error:
        raise BackupError(f"systemctl {' '.join(arguments)} took over {seconds:.0f} s") from error
    return done.stdout
