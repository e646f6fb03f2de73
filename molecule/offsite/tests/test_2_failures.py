# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever nights bring: nothing is lost, the sentence is clear, and the next window completes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from _testbed import journal
from testinfra.host import Host

PYTHON = (
    "PATH=/opt/janus-backup/venv/bin:$PATH PYTHONPATH=/opt/janus-backup/collections "
    "/opt/janus-backup/venv/bin/python"
)
REPOSITORY = "/var/backups/janus.borg"
TARGETS = "/etc/janus-backup/offsite"
MODULES = "ansible_collections.janus.backup.plugins.module_utils"


@pytest.fixture(autouse=True)
def _completed(copy: Any, state: Any) -> Iterator[None]:
    """After each failure the next window completes the copy."""
    yield
    assert copy("vault") == 0
    assert state("vault")["status"] in ("copied", "current")


def test_a_copy_whose_network_is_cut_goes_on_where_it_stopped(
    node: Host,
    vault: Host,
    drill_host: Host,
    something_new: Any,
    copy: Any,
    state: Any,
    ended: Any,
    edited: Any,
    wait: Any,
    without_network: Any,
) -> None:
    assert copy("vault") == 0
    something_new(200)
    # What is still on its way is elsewhere.
    arrived = "du -sm /var/lib/docker/volumes/vault/_data/janus1/copies/repository | cut -f 1"
    before = int(vault.check_output(arrived))
    with edited("vault", "bandwidth", "12M"):
        node.check_output("systemctl start --no-block 'janus-backup-offsite@vault.service'")
        wait("a large object to arrive", lambda: int(vault.check_output(arrived)) > before + 60)
        with without_network(9000):
            assert ended("vault") == 75
            assert state("vault")["status"] == "interrupted"
            assert "the target cannot be reached" in state("vault")["sentence"]
            assert node.run("systemctl is-failed 'janus-backup-offsite@vault.service'").rc != 0
    # What was complete before is still what is fetched.
    fetched = drill_host.check_output(
        f"{PYTHON} -m {MODULES}._offsite_fetch {TARGETS}/vault.yml /root/fetched 2>&1"
        " && rm -rf /root/fetched"
    )
    assert "fetched the copy of" in fetched
    assert "did not come to its end" not in fetched
    assert copy("vault") == 0
    assert 0 < state("vault")["bytes_moved"] < 200 * 1024 * 1024


def test_a_network_that_is_down_is_an_error_only_when_the_copy_is_old(
    node: Host, copy: Any, state: Any, without_network: Any
) -> None:
    with without_network(9000):
        assert copy("vault") == 75
        assert state("vault")["status"] == "unreachable"
        long_ago = '"last_success": "2026-01-01T00:00:00Z"'
        noted = "/var/lib/janus-backup/offsite/vault.json"
        node.check_output(f'sed -i \'s/"last_success": "[^"]*"/{long_ago}/\' {noted}')
        assert copy("vault") == 1
        told = journal.read(node, "--unit=janus-backup-offsite@vault.service --lines=20")
        assert "hours old, 50 are allowed" in told


def test_a_full_bucket_is_named(vault: Host, something_new: Any, copy: Any, state: Any) -> None:
    mc = "docker exec vault mc"
    keys = "vaultadmin seeded-vault-admin-secret"
    vault.check_output(f"{mc} alias set it http://localhost:9000 {keys}")
    vault.check_output(f"{mc} quota set it/janus1 --size 2MiB")
    try:
        something_new(8)
        assert copy("vault") == 1
        assert state("vault")["status"] == "full", state("vault")["sentence"]
        assert "the target is full" in state("vault")["sentence"]
    finally:
        vault.check_output(f"{mc} quota clear it/janus1")


def test_a_wrong_key_is_named(node: Host, something_new: Any, copy: Any, state: Any) -> None:
    something_new(1)
    path = f"{TARGETS}/rclone.conf"
    node.check_output(f"cp -p {path} /root/kept && sed -i 's/seeded-writer/other-writer/' {path}")
    try:
        assert copy("vault") == 1
        assert state("vault")["status"] == "keys"
        assert "the target does not know these keys" in state("vault")["sentence"]
        assert "other-writer" not in state("vault")["sentence"]
    finally:
        node.check_output(f"mv /root/kept {path}")


def test_a_clock_that_is_wrong_is_named(python: Any, state: Any) -> None:
    # Hosts of the bed share one clock, so that only this program's is put forward.
    done = python(
        f"""
import datetime, sys
from {MODULES} import _offsite, _s3

class Ahead(datetime.datetime):
    @classmethod
    def now(cls, zone=None):
        return datetime.datetime.now(zone) + datetime.timedelta(hours=1)

class Clock:
    UTC, datetime = datetime.UTC, Ahead

_s3.datetime = Clock
sys.argv = ["offsite", "{TARGETS}/vault.yml"]
sys.exit(_offsite.main())
"""
    )
    assert done.rc == 1
    assert state("vault")["status"] == "clock"
    assert "clocks of this host and of the target differ" in done.stderr
    # in the server's own words
    assert "RequestTimeTooSkewed" in done.stderr


def test_a_bucket_that_is_gone_is_named_and_completed_once_it_is_back(
    vault: Host, something_new: Any, copy: Any, state: Any
) -> None:
    something_new(1)
    data = "/var/lib/docker/volumes/vault/_data"
    vault.check_output(f"mv {data}/janus1 {data}/.minio.sys/tmp/kept-janus1")
    try:
        assert copy("vault") == 1
        assert state("vault")["status"] == "gone", state("vault")["sentence"]
        assert "cannot use bucket janus1: the bucket is gone" in state("vault")["sentence"]
    finally:
        vault.check_output(f"mv {data}/.minio.sys/tmp/kept-janus1 {data}/janus1")
    assert copy("vault") == 0
    assert state("vault")["status"] == "copied"


def test_a_bucket_of_somebody_else_is_named(copy: Any, state: Any, edited: Any) -> None:
    with edited("vault", "bucket", "nosuch"):
        assert copy("vault") == 1
        assert state("vault")["status"] == "denied"
        assert "the target forbids it" in state("vault")["sentence"]


def test_a_copy_that_is_gone_from_its_bucket_is_not_begun_anew(
    copy: Any, state: Any, edited: Any
) -> None:
    with edited("vault", "remote", "vault:janus1/elsewhere"):
        assert copy("vault") == 1
        assert "is gone, though one was complete" in state("vault")["sentence"]


def test_bandwidth_and_window_are_kept_to(
    node: Host, something_new: Any, copy: Any, state: Any, edited: Any
) -> None:
    assert copy("nas") == 0
    something_new(24)
    opens = node.check_output("date --date='-1 hour' +%H:%M:%S")
    closes = node.check_output("date --date='+12 seconds' +%H:%M:%S")
    # Without either limit the copy would be complete long before.
    with edited("nas", "bandwidth", "1M"):
        with edited("nas", "window", f'"{opens}-{closes}"'):
            assert copy("nas") == 75
        assert state("nas")["status"] == "interrupted", state("nas")["sentence"]
        assert "the window is over" in state("nas")["sentence"]
    assert copy("nas") == 0
    assert state("nas")["status"] == "copied"
    # The control: unlimited, it takes less time than it was given.
    assert state("nas")["seconds"] < 12


def test_outside_of_its_window_nothing_is_copied(
    node: Host, copy: Any, state: Any, edited: Any
) -> None:
    hour = int(node.check_output("date +%H"))
    closed = f"{(hour + 2) % 24:02d}:00-{(hour + 3) % 24:02d}:00"
    with edited("vault", "window", f'"{closed}"'):
        assert copy("vault") == 75
        assert state("vault")["status"] == "waiting"


@pytest.mark.parametrize("network", ["published port", "address of its own"])
def test_a_target_on_what_is_backed_up_is_refused(node: Host, network: str) -> None:
    own = node.backend.get_variables()["ansible_host"]
    if network != "published port":
        own = node.check_output(
            "docker inspect --format '{{.NetworkSettings.IPAddress}}' janus-redis"
        )
    path = "/root/own.yml"
    node.check_output(
        f"sed 's|endpoint:.*|endpoint: http://{own}:6379|' {TARGETS}/vault.yml >{path}"
    )
    done = node.run(f"{PYTHON} -m {MODULES}._offsite {path} --refuse")
    assert done.rc == 1
    assert "refusing vault" in done.stderr
    assert ("is this node" in done.stderr) or ("is the server of service redis" in done.stderr)


@pytest.fixture
def vault_is_backed_up(node: Host, vault: Host, python: Any) -> Iterator[None]:
    """Have the node back up the very MinIO that its target is on."""
    address = vault.backend.get_variables()["ansible_host"]
    service = {
        "name": "objects",
        "type": "minio",
        "runtime": "host",
        "container": None,
        "host": address,
        "port": 9000,
        "user": "vaultadmin",
        "password_file": "/root/vault",
        "options": {},
    }
    node.check_output(
        f"cp -p {TARGETS}/vault.yml /root/declared"
        " && (umask 077 && echo seeded-vault-admin-secret >/root/vault)"
    )
    done = python(
        f"""
import pathlib, yaml
path = pathlib.Path("{TARGETS}/vault.yml")
told = yaml.safe_load(path.read_text())
told["janus_backup_offsite"]["services"] = [{service}]
path.write_text(yaml.safe_dump(told))
"""
    )
    assert done.rc == 0, done.stderr
    yield
    node.check_output(f"mv /root/declared {TARGETS}/vault.yml && rm /root/vault")


@pytest.mark.usefixtures("vault_is_backed_up")
def test_a_bucket_on_the_server_that_is_backed_up_is_refused(
    node: Host, copy: Any, state: Any
) -> None:
    assert copy("vault") == 1
    assert "is the server of service objects" in state("vault")["sentence"]
    done = node.run(f"{PYTHON} -m {MODULES}._offsite {TARGETS}/vault.yml --refuse")
    assert done.rc == 1
    assert "is the server of service objects" in done.stderr


@pytest.fixture
def another_name(drill_host: Host, vault: Host) -> Iterator[str]:
    """Another host and port that lead to the same server."""
    address = vault.backend.get_variables()["ansible_host"]
    rules = (
        f"PREROUTING -p tcp --dport 9999 -j DNAT --to-destination {address}:9000",
        f"POSTROUTING -p tcp -d {address} --dport 9000 -j MASQUERADE",
    )
    for rule in rules:
        drill_host.check_output(f"iptables -t nat -A {rule}")
    drill_host.check_output("iptables -I FORWARD -j ACCEPT")
    yield f"http://{drill_host.backend.get_variables()['ansible_host']}:9999"
    drill_host.check_output("iptables -D FORWARD -j ACCEPT")
    for rule in rules:
        drill_host.check_output(f"iptables -t nat -D {rule}")


@pytest.mark.usefixtures("vault_is_backed_up")
def test_a_server_that_is_backed_up_is_known_by_any_name_and_port(
    node: Host, another_name: str, something_new: Any, copy: Any, state: Any, edited: Any
) -> None:
    something_new(1)
    rclone = f"{TARGETS}/rclone.conf"
    node.check_output(
        f"cp -p {rclone} /root/kept && sed -i 's|endpoint = .*|endpoint = {another_name}|' {rclone}"
    )
    try:
        with edited("vault", "endpoint", another_name):
            assert copy("vault") == 1
        sentence = state("vault")["sentence"]
        assert "bucket janus1 is on service objects, which is backed up" in sentence
    finally:
        node.check_output(f"mv /root/kept {rclone}")


@pytest.mark.parametrize("where", ["repository", "state", "volume"])
def test_a_path_inside_what_is_backed_up_is_refused(
    node: Host, copy: Any, state: Any, edited: Any, where: str
) -> None:
    path = {
        "repository": f"{REPOSITORY}/copies",
        "state": "/var/lib/janus-backup/copies",
        "volume": "/var/lib/docker/volumes/janus-redis/_data/copies",
    }[where]
    link = "/srv/link"
    node.check_output(f"ln -sfn {path} {link}")
    for name in (path, link):
        with edited("nas", "path", name):
            assert copy("nas") == 1
            assert f"{name} overlaps with" in state("nas")["sentence"]
    node.check_output(f"rm {link}")


def test_an_external_path_on_which_nothing_is_mounted_is_refused(
    node: Host, copy: Any, state: Any, edited: Any
) -> None:
    node.check_output("mkdir -p /srv/nas")
    with edited("nas", "remote", "/srv/nas"), edited_again(node, "/srv/nas"):
        assert copy("nas") == 1
        assert "declared external, but is on the same disk" in state("nas")["sentence"]
    assert not node.file("/srv/nas/copy.json").exists


def edited_again(node: Host, path: str) -> Any:
    """Change the path too, in the file that the outer change puts back."""
    node.check_output(f"sed -i 's|^  path:.*|  path: {path}|' {TARGETS}/nas.yml")
    return contextlib.nullcontext()
