# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of off-site copies share: run a copy, and what is known of it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import testinfra
from testinfra.host import Host

PYTHON = (
    "PATH=/opt/janus-backup/venv/bin:$PATH PYTHONPATH=/opt/janus-backup/collections "
    "/opt/janus-backup/venv/bin/python"
)
BORG = (
    "BORG_BASE_DIR=/var/lib/janus-backup/borg BORG_PASSCOMMAND='cat /etc/janus-backup/passphrase' "
    "/opt/janus-backup/venv/bin/borg"
)
REPOSITORY = "/var/backups/janus.borg"
NUMBER = iter(range(1000))
INVENTORY = Path(__file__).resolve().parents[2] / "build/beds/offsite/inventory.yml"
UNIT = "janus-backup-offsite@{}.service"
STATE = "/var/lib/janus-backup/offsite"
TARGETS = "/etc/janus-backup/offsite"
MODULES = "ansible_collections.janus.backup.plugins.module_utils"


@pytest.fixture(scope="session")
def second_node() -> Host:
    """Another node, with a repository of its own on the same server."""
    return testinfra.get_host(f"ansible://janus2?ansible_inventory={INVENTORY}")


@pytest.fixture(scope="session")
def vault() -> Host:
    """The host with the MinIO and the repository server."""
    return testinfra.get_host(f"ansible://vault1?ansible_inventory={INVENTORY}")


@pytest.fixture(scope="session")
def state(node: Host) -> Callable[..., dict[str, Any]]:
    """Return a function that reads what a host knows of a target."""

    def read(target: str, host: Host = node) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(host.file(f"{STATE}/{target}.json").content_string)
        return found

    return read


@pytest.fixture(scope="session")
def wait(node: Host) -> Callable[..., None]:
    """Return a function that waits until something is the case."""

    def until(what: str, condition: Callable[[], Any], seconds: float = 240) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            time.sleep(0.1)

    return until


@pytest.fixture(scope="session")
def ended(node: Host, wait: Callable[..., None]) -> Callable[[str], int]:
    """Return a function that waits for the end of a target's unit and returns its exit code."""

    def until(target: str) -> int:
        show = f"systemctl show '{UNIT.format(target)}' --property"
        running = ("activating", "deactivating")
        wait(
            f"the copy to {target}",
            lambda: node.check_output(f"{show}=ActiveState --value") not in running,
        )
        return int(node.check_output(f"{show}=ExecMainStatus --value"))

    return until


@pytest.fixture(scope="session")
def copy(node: Host, ended: Callable[[str], int]) -> Callable[[str], int]:
    """Return a function that copies to a target and returns the exit code."""

    def run(target: str) -> int:
        ended(target)
        node.run(f"systemctl start '{UNIT.format(target)}'")
        return ended(target)

    return run


@pytest.fixture(scope="session")
def back_up(play: Any, ended: Callable[[str], int]) -> Callable[[], None]:
    """Return a function that backs the first node up and waits for the copy that follows."""

    def run() -> None:
        play("backup", target="janus1")
        ended("vault")

    return run


@pytest.fixture(scope="session")
def python(node: Host) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs a program of Python on a host as root, with the collection."""

    def run(program: str, arguments: str = "", host: Host = node) -> Any:
        return host.run(f"{PYTHON} - {arguments} <<'PROGRAM'\n{program}\nPROGRAM")

    return run


@pytest.fixture(scope="session")
def edited(node: Host) -> Callable[..., Any]:
    """Return a context manager that changes a setting of a target for a while."""

    @contextlib.contextmanager
    def change(target: str, setting: str, value: str) -> Iterator[None]:
        path = f"{TARGETS}/{target}.yml"
        node.check_output(
            f"cp -p {path} /root/{target}-{setting} && "
            f"sed -i 's|^  {setting}:.*|  {setting}: {value}|' {path} && "
            f"! cmp --silent {path} /root/{target}-{setting}"
        )
        try:
            yield
        finally:
            node.check_output(f"mv /root/{target}-{setting} {path}")

    return change


@pytest.fixture(scope="session")
def without_network(node: Host, vault: Host) -> Callable[..., Any]:
    """Return a context manager that cuts the node off from a port of the vault for a while."""
    address = vault.backend.get_variables()["ansible_host"]

    @contextlib.contextmanager
    def cut(port: int, host: Host = node) -> Iterator[None]:
        rule = f"OUTPUT -d {address} -p tcp --dport {port} -j REJECT --reject-with tcp-reset"
        host.check_output(f"iptables -I {rule}")
        try:
            yield
        finally:
            host.check_output(f"iptables -D {rule}")

    return cut


@pytest.fixture(scope="session")
def spoilt() -> Callable[..., Any]:
    """Return a context manager that flips a byte of a file for a while, and keeps size and time."""

    @contextlib.contextmanager
    def spoil(host: Host, path: str) -> Iterator[None]:
        host.check_output(
            f"cp -p {path} /root/unspoilt && printf '\\125' | dd of={path} bs=1 seek=10000"
            f" conv=notrunc status=none && touch -r /root/unspoilt {path}"
            f" && ! cmp --silent {path} /root/unspoilt"
        )
        try:
            yield
        finally:
            host.check_output(f"cat /root/unspoilt >{path} && touch -r /root/unspoilt {path}")

    return spoil


@pytest.fixture(scope="session")
def largest() -> Callable[[Host, str], str]:
    """Return a function that finds the largest file below a directory."""

    def find(host: Host, directory: str) -> str:
        listing = f"find {directory} -type f -printf '%s %p\\n' | sort -n | tail -1"
        return str(host.check_output(f"{listing} | cut -d' ' -f2"))

    return find


@pytest.fixture(scope="session")
def something_new(node: Host) -> Callable[[int], None]:
    """Return a function that puts megabytes into the repository that were not there before."""

    def put(megabytes: int) -> None:
        node.check_output(
            f"head -c {megabytes}M /dev/urandom | "
            f"{BORG} create --compression none {REPOSITORY}::new-{next(NUMBER)}-$$ -"
        )

    return put
