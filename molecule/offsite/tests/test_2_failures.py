# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever nights bring: nothing is lost, the sentence is clear, and the next window completes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
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
TARGETS = "/etc/janus-backup/offsite"
MODULES = "ansible_collections.janus.backup.plugins.module_utils"
NUMBER = iter(range(1000))


@pytest.fixture
def something_new(node: Host) -> Callable[[int], None]:
    """Return a function that puts megabytes into the repository that were not there before."""

    def put(megabytes: int) -> None:
        node.check_output(
            f"head -c {megabytes}M /dev/urandom | "
            f"{BORG} create --compression none {REPOSITORY}::new-{next(NUMBER)}-$$ -"
        )

    return put


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
    node: Host, copy: Any, state: Any, edited: Any, without_network: Any
) -> None:
    with without_network(9000):
        assert copy("vault") == 75
        assert state("vault")["status"] == "unreachable"
        with edited("vault", "max_age_hours", "0"):
            assert copy("vault") == 1
            journal = node.check_output(
                "journalctl --unit 'janus-backup-offsite@vault.service' --lines 20 --output cat"
            )
            assert "hours old, 0 are allowed" in journal


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


def test_a_target_that_is_gone_is_named(copy: Any, state: Any, edited: Any) -> None:
    with edited("vault", "bucket", "nosuch"):
        assert copy("vault") == 1
        assert (
            "target is gone" in state("vault")["sentence"]
            or "forbids" in state("vault")["sentence"]
        )
    with edited("vault", "remote", "vault:janus1/elsewhere"):
        assert copy("vault") == 1
        assert "is gone, though one was complete" in state("vault")["sentence"]


def test_outside_of_its_window_nothing_is_copied(
    node: Host, copy: Any, state: Any, edited: Any
) -> None:
    hour = int(node.check_output("date +%H"))
    closed = f"{(hour + 2) % 24:02d}:00-{(hour + 3) % 24:02d}:00"
    with edited("vault", "window", f'"{closed}"'):
        assert copy("vault") == 75
        assert state("vault")["status"] == "waiting"


@pytest.mark.parametrize("network", ["published port", "address of its own"])
def test_a_target_on_what_is_backed_up_is_refused(node: Host, python: Any, network: str) -> None:
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


def test_an_external_path_on_which_nothing_is_mounted_is_refused(
    node: Host, copy: Any, state: Any, edited: Any
) -> None:
    node.check_output("mkdir -p /srv/nas")
    with edited("nas", "remote", "/srv/nas"), edited_again(node, "/srv/nas"):
        assert copy("nas") == 1
        assert "declared external, but is on the same disk" in state("nas")["sentence"]
    assert not node.file("/srv/nas/copy.json").exists


def edited_again(node: Host, path: str) -> Any:
    """Change the path too, in the copy that the outer change puts back."""
    import contextlib

    node.check_output(f"sed -i 's|^  path:.*|  path: {path}|' {TARGETS}/nas.yml")
    return contextlib.nullcontext()
