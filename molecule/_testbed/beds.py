# SPDX-License-Identifier: GPL-3.0-or-later
"""Beds: hosts that run systemd, SSH and their own Docker, together on one network."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from . import images, nested
from .command import BUILD, TestbedError, attempt, locked, output, say, step, wait_until

NAME = re.compile(r"[a-z][a-z0-9-]*")

# Every capability but the one that a machine without it cannot grant; never --privileged.
RUN_FLAGS = (
    *("--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE"),
    *("--security-opt", "seccomp=unconfined", "--cgroupns", "private"),
    # A tmpfs is noexec unless told; /run starts empty, or a restart finds stale pid files.
    *("--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec"),
    *("--stop-timeout", "60"),
)


@dataclass(frozen=True)
class Host:
    """A host asked for: its name, and the service images that its Docker shall hold."""

    name: str
    images: tuple[str, ...] = ()


def parse_host(text: str) -> Host:
    """Return the host that HOST[:IMAGE,IMAGE…] asks for."""
    name, _, names = text.partition(":")
    return Host(_checked(name), tuple(sorted(set(filter(None, names.split(","))))))


def up(bed: str, hosts: list[Host]) -> None:
    """Bring the bed's hosts up and write its inventory; leave alone what is already so."""
    folder = _folder(_checked(bed))
    with step(f"bed {bed}: ready"), locked(f"bed-{bed}"):
        images.ensure(["host", *sorted({name for host in hosts for name in host.images})])
        folder.mkdir(parents=True, exist_ok=True)
        _make_key(folder)
        if attempt("docker", "network", "inspect", _network(bed)).returncode != 0:
            output("docker", "network", "create", "--label", f"janus.bed={bed}", _network(bed))
        booting = [host for host in hosts if _start_host(bed, host)]
        for host in hosts:
            # A unit that a test made fail since then is no fault of the bed.
            _finish_host(bed, host, booting=host in booting)
        _write_inventory(bed)


def down(bed: str) -> None:
    """Remove all that belongs to the bed; nothing is an error for being gone already."""
    mark = f"label=janus.bed={_checked(bed)}"
    with step(f"bed {bed}: gone"), locked(f"bed-{bed}"):
        for kind, listing, removal in (
            ("container", ("ps", "--all"), ("rm", "--force", "--volumes")),
            ("volume", ("volume", "ls"), ("volume", "rm", "--force")),
            ("network", ("network", "ls"), ("network", "rm")),
        ):
            found = output("docker", *listing, "--quiet", "--filter", mark).split()
            if found:
                output("docker", *removal, *found)
                say(f"bed {bed}: removed {len(found)} {kind}{'s' if len(found) > 1 else ''}")
        _end_connections(bed)
        shutil.rmtree(_folder(bed), ignore_errors=True)


def stop(bed: str, host: str) -> None:
    """Power the host off, as by its own shutdown."""
    with step(f"{host}: off"):
        output("docker", "stop", _existing(bed, host))


def lose(bed: str, host: str) -> None:
    """Lose the host and all that its Docker holds, as in a fire; `up` brings a new one."""
    with step(f"{host}: lost"):
        name = _existing(bed, host)
        output("docker", "rm", "--force", "--volumes", name)
        output("docker", "volume", "rm", f"{name}-docker")
        _end_connections(bed)


def start(bed: str, host: str) -> None:
    """Power the host on and wait for it; its address may be another one, so write it down."""
    with step(f"{host}: on"):
        _end_connections(bed)
        output("docker", "start", _existing(bed, host))
        _finish_host(bed, Host(host), booting=True)
        _write_inventory(bed)


def container(bed: str, host: str) -> str:
    """Return the name of the container that is the host."""
    return f"janus-{bed}-{host}"


def _checked(name: str) -> str:
    """Return the name of a bed or a host. Raise TestbedError if it is not fit to be one."""
    if not NAME.fullmatch(name):
        raise TestbedError(f"{name!r} is no name: lower-case letters, digits and hyphens")
    return name


def _existing(bed: str, host: str) -> str:
    """Return the name of the host's container. Raise TestbedError if there is no such host."""
    name = container(_checked(bed), _checked(host))
    if attempt("docker", "container", "inspect", name).returncode != 0:
        raise TestbedError(f"bed {bed} has no host {host}")
    return name


def _folder(bed: str) -> Path:
    return BUILD / "beds" / bed


def _network(bed: str) -> str:
    return f"janus-{bed}"


def _make_key(folder: Path) -> None:
    """Make the bed's SSH key pair, readable by its owner only."""
    key = folder / "id_ed25519"
    if not key.exists():
        output("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "testbed", "-f", str(key))


def _start_host(bed: str, host: Host) -> bool:
    """Create the host with its Docker filled, or power it on. Return False if it was running."""
    name = container(bed, host.name)
    state = attempt("docker", "container", "inspect", "--format", "{{.State.Running}}", name)
    if state.returncode == 0:
        if state.stdout.strip() == "true":
            return False
        output("docker", "start", name)
        return True
    with step(f"{host.name}: created"):
        volume = f"{name}-docker"
        output("docker", "volume", "create", "--label", f"janus.bed={bed}", volume)
        nested.fill(volume, host.images, _run_flags())
        output(
            *("docker", "run", "--detach", "--name", name, "--hostname", host.name),
            *("--label", f"janus.bed={bed}", "--label", f"janus.host={host.name}"),
            *("--network", _network(bed), "--network-alias", host.name),
            *("--volume", f"{volume}:/var/lib/docker", *_run_flags(), images.reference("host")),
        )
    return True


def _run_flags() -> tuple[str, ...]:
    """Return what `docker run` needs to be told so that systemd and Docker run in a container."""
    # AppArmor's profile for containers forbids them every mount.
    guarded = "name=apparmor" in output("docker", "info", "--format", "{{.SecurityOptions}}")
    return (*RUN_FLAGS, *(("--security-opt", "apparmor=unconfined") if guarded else ()))


def _finish_host(bed: str, host: Host, *, booting: bool) -> None:
    """Wait until the host is ready, then let the bed's key in and add images that it lacks."""
    name = container(bed, host.name)
    if booting:
        _wait_for_boot(name)
    wait_until(f"{host.name}: Docker", lambda: nested.answers(name))
    key = (_folder(bed) / "id_ed25519.pub").read_text(encoding="utf-8")
    # What else was let in since then stays.
    keys = "/root/.ssh/authorized_keys"
    install = (
        f'umask 077; mkdir -p /root/.ssh; read key; grep -qxF "$key" {keys} || echo "$key" >>{keys}'
    )
    output("docker", "exec", "-i", name, "sh", "-c", install, stdin=key)
    wait_until(f"{host.name}: sshd", lambda: _greets(_address(bed, name)))
    nested.add_missing(name, host.images)


def _wait_for_boot(name: str) -> None:
    """Wait until the boot is through. Raise TestbedError with the journal of units that failed."""

    def booted() -> bool:
        # Without a bus yet it fails at once; with one, it waits for the end of the boot.
        running = attempt("docker", "exec", name, "systemctl", "is-system-running", "--wait")
        if running.stdout.strip() == "degraded":
            failed = output("docker", "exec", name, "systemctl", "--failed", "--no-legend")
            journal = output(
                *("docker", "exec", name, "journalctl", "--boot", "--priority", "warning"),
                *("--no-pager", "--lines", "40"),
            )
            raise TestbedError(f"{name}: units failed\n{failed}\n{journal}")
        return running.stdout.strip() == "running"

    wait_until(f"{name}: systemd", booted)


def _greets(address: str) -> bool:
    """Tell whether an SSH server speaks at the address."""
    try:
        with socket.create_connection((address, 22), timeout=2) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _address(bed: str, name: str) -> str:
    """Return the host's address on the bed's network."""
    template = f'{{{{(index .NetworkSettings.Networks "{_network(bed)}").IPAddress}}}}'
    return output("docker", "container", "inspect", "--format", template, name)


def _sockets(bed: str) -> str:
    """Return where SSH keeps the sockets of connections to the bed, a short path of its own.

    In Ansible's common place, a connection to a removed host would be taken for one to the next
    host with that address.
    """
    key = (_folder(bed) / "id_ed25519.pub").read_bytes()
    return f"/tmp/janus-{hashlib.sha256(key).hexdigest()[:12]}-"


def _end_connections(bed: str) -> None:
    """Forget open SSH connections to the bed: the hosts at their other ends are gone."""
    if (_folder(bed) / "id_ed25519.pub").exists():
        for path in glob.glob(_sockets(bed) + "*"):
            os.unlink(path)


def _write_inventory(bed: str) -> None:
    """Write the inventory and the known hosts of every host of the bed that is switched on."""
    folder = _folder(bed)
    mark = ("--filter", f"label=janus.bed={bed}", "--format", '{{.Label "janus.host"}}')
    lines = ["# Written by molecule/testbed.py.", "all:", "  hosts:"]
    known_hosts = []
    for host in sorted(output("docker", "ps", *mark).split()):
        name = container(bed, host)
        key = output("docker", "exec", name, "cat", "/etc/ssh/ssh_host_ed25519_key.pub")
        known_hosts.append(f"{name} {' '.join(key.split()[:2])}")
        lines += [
            f"    {host}:",
            f"      ansible_host: {_address(bed, name)}",
            # Known by its name: an address may go to another host after a restart.
            "      ansible_ssh_common_args: >-",
            f'        -o UserKnownHostsFile="{folder}/known_hosts" -o HostKeyAlias={name}',
            f"        -o StrictHostKeyChecking=yes -o ControlPath={_sockets(bed)}%h",
        ]
    lines += [
        "  vars:",
        "    ansible_user: root",
        f'    ansible_ssh_private_key_file: "{folder}/id_ed25519"',
        "    ansible_python_interpreter: /usr/bin/python3",
    ]
    (folder / "known_hosts").write_text("\n".join(known_hosts) + "\n", encoding="utf-8")
    (folder / "inventory.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    say(f"inventory: {folder / 'inventory.yml'}")
