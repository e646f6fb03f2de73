# SPDX-License-Identifier: GPL-3.0-or-later
"""Break runs in the middle and in every way that nights bring; look at what is left."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[3]
SCENARIO = os.environ["MOLECULE_SCENARIO_NAME"]
UNIT = "janus-backup-nightly.service"
RECOVER = "janus-backup-recover.service"
PARTIAL = "/var/lib/janus-backup/staging/nightly/.postgresql.partial/databases"
JOB = "/etc/janus-backup/jobs/nightly.yml"


def _await(what: str, condition: Callable[[], Any], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s in vain for {what}")
        time.sleep(0.05)


def _state(node: Host, unit: str = UNIT) -> str:
    return str(node.check_output(f"systemctl show --property=ActiveState --value {unit}"))


def _roles(node: Host) -> str:
    psql = "docker exec janus-postgresql psql --username=janus --dbname=template1 -Atc"
    return str(node.check_output(f"{psql} 'SELECT rolname FROM pg_roles ORDER BY 1'"))


def _sessions(node: Host) -> str:
    psql = "docker exec janus-postgresql psql --username=janus --dbname=template1 -Atc"
    ours = "(application_name IN ($$janus.backup$$, $$pg_dump$$, $$pg_dumpall$$))"
    return str(
        node.check_output(f"{psql} 'SELECT count(*) FROM pg_stat_activity WHERE {ours}'")
    ).strip()


def _archives(node: Host) -> list[str]:
    borg = "BORG_PASSCOMMAND='cat /etc/janus-backup/passphrase' /opt/janus-backup/venv/bin/borg"
    base = "BORG_BASE_DIR=/var/lib/janus-backup/borg"
    return str(
        node.check_output(f"{base} {borg} list --short /var/backups/janus.borg")
    ).splitlines()


def _nothing_is_left(node: Host) -> None:
    assert node.check_output("docker ps --all --quiet --filter label=janus.backup.job") == ""
    assert not node.file("/var/lib/janus-backup/staging/nightly").exists
    assert not node.file("/run/janus-backup/nightly").exists
    quiesced = "find /var/lib/janus-backup/quiesced -type f 2>/dev/null || true"
    assert node.check_output(quiesced) == ""
    _await("the server to notice that its clients are gone", lambda: _sessions(node) == "0")


def _interrupt_dump(node: Host, how: str) -> None:
    node.check_output(f"systemctl start --no-block {UNIT}")
    _await("pg_dump to write", lambda: node.file(PARTIAL).exists)
    node.check_output(how)
    _await("the unit to end", lambda: _state(node) in ("failed", "inactive"))


@pytest.mark.parametrize(
    "how",
    [
        f"systemctl kill --signal=KILL --kill-whom=all {UNIT}",
        f"systemctl kill --signal=KILL --kill-whom=main {UNIT}",
        f"systemctl stop {UNIT}",
    ],
    ids=["every process killed", "the main process killed", "stopped"],
)
def test_nothing_is_left_of_an_interrupted_dump(node: Host, play: Any, how: str) -> None:
    roles, archives = _roles(node), _archives(node)
    _interrupt_dump(node, how)
    _nothing_is_left(node)
    assert _roles(node) == roles
    assert _archives(node) == archives
    play("backup")
    assert len(set(_archives(node)) - set(archives)) == 1


def _failed_run(play: Any, node: Host, sentence: str, partial: bool = False) -> None:
    before = _archives(node)
    output = play("backup", expect=1).stdout
    assert sentence in output
    new = set(_archives(node)) - set(before)
    assert all("-partial-" in name for name in new) if partial else not new
    _nothing_is_left(node)


@contextlib.contextmanager
def _undone(node: Host, do: str, undo: str) -> Iterator[None]:
    node.check_output(do)
    try:
        yield
    finally:
        node.check_output(undo)


def test_a_stopped_container_is_named(node: Host, play: Any) -> None:
    with _undone(node, "docker stop janus-postgresql", "docker start janus-postgresql"):
        _failed_run_without_server(play, node)
    ready = "docker exec janus-postgresql pg_isready --quiet --host=127.0.0.1"
    _await("PostgreSQL to be back", lambda: node.run(ready).rc == 0)


def _failed_run_without_server(play: Any, node: Host) -> None:
    before = _archives(node)
    assert "container janus-postgresql is not running: exited" in play("backup", expect=1).stdout
    assert _archives(node) == before


def test_a_wrong_password_is_named(node: Host, play: Any) -> None:
    secret = "/etc/janus-backup/credentials/postgresql"
    with _kept(node, secret, f"echo wrong > {secret}"):
        _failed_run(play, node, "password authentication failed for user")


def test_a_missing_database_is_named(node: Host, play: Any) -> None:
    with _kept(node, JOB, _edited("services[0]['options'] = {'databases': ['nosuch']}")):
        _failed_run(play, node, "has no database nosuch")


def _kept(node: Host, path: str, change: str) -> contextlib.AbstractContextManager[None]:
    """Change a file for a while."""
    return _undone(node, f"cp -p {path} {path}.right && {change}", f"mv {path}.right {path}")


def _edited(statement: str) -> str:
    """Return the command that edits the services in the job's file."""
    program = (
        f"import copy, pathlib, yaml; path = pathlib.Path('{JOB}'); "
        "job = yaml.safe_load(path.read_text()); services = job['janus_backup_job']['services']; "
        f"{statement}; path.write_text(yaml.safe_dump(job))"
    )
    return f'/opt/janus-backup/venv/bin/python -c "{program}"'


def test_no_space_for_staging_is_said_before_anything_is_dumped(node: Host, play: Any) -> None:
    staging = "/var/lib/janus-backup/staging"
    mount = f"mkdir -p {staging} && mount -t tmpfs -o size=8m,mode=0700 tmpfs {staging}"
    with _undone(node, mount, f"umount {staging}"):
        _failed_run(play, node, "no space for the dump of postgresql")


def test_a_full_disk_loses_nothing(node: Host, play: Any) -> None:
    with _small_repository_disk(node):
        free = "$(df --output=avail --block-size=1 /var/backups | tail -1)"
        fill = f"fallocate --length=$(({free} - 1000000)) /var/backups/filler"
        with _undone(node, fill, "rm /var/backups/filler"):
            output = play("backup", expect=1).stdout
            assert "Insufficient free space" in output or "No space left on device" in output
            _nothing_is_left(node)
        play("backup")
        play("restore_drill")


@contextlib.contextmanager
def _small_repository_disk(node: Host) -> Iterator[None]:
    """Have the repository on a disk of its own for a while, so that it can be filled."""
    # Borg wants 500 MB free, the size of a segment, before it compacts.
    node.check_output(
        "mkdir /mnt/small && mount -t tmpfs -o size=1500m tmpfs /mnt/small"
        " && cp -a /var/backups/. /mnt/small && mount --bind /mnt/small /var/backups"
    )
    try:
        yield
    finally:
        node.check_output(
            "umount /var/backups && rm -rf /var/backups/janus.borg"
            " && cp -a /mnt/small/janus.borg /var/backups/ && umount /mnt/small"
        )


def test_one_failed_service_costs_no_other_its_backup(node: Host, play: Any) -> None:
    # A second service that cannot be dumped: the archive is partial, the run fails, and the drill
    # of the latest archive still finds a complete one.
    lost = "services.append({**copy.deepcopy(services[0]), 'name': 'lost', 'container': 'nosuch'})"
    complete = [name for name in _archives(node) if "-partial-" not in name]
    with _kept(node, JOB, _edited(lost)):
        _failed_run(play, node, "lost: container nosuch does not exist", partial=True)
    assert [name for name in _archives(node) if "-partial-" in name]
    assert [name for name in _archives(node) if "-partial-" not in name] == complete
    play("restore_drill")


def test_after_a_power_failure_in_mid_dump_nothing_is_left_and_the_next_run_succeeds(
    node: Host, play: Any
) -> None:
    node.check_output(f"systemctl start --no-block {UNIT}")
    _await("pg_dump to write", lambda: node.file(PARTIAL).exists)
    subprocess.run(["docker", "kill", f"janus-{SCENARIO}-janus1"], check=True)
    testbed = [sys.executable, "molecule/testbed.py", "start", SCENARIO, "janus1"]
    subprocess.run(testbed, check=True, cwd=ROOT)
    ready = "docker exec janus-postgresql pg_isready --quiet --host=127.0.0.1"
    _await("PostgreSQL to be back", lambda: node.run(ready).rc == 0)
    _await("the clean-up at boot", lambda: _state(node, RECOVER) in ("inactive", "active"))
    _nothing_is_left(node)
    play("backup")
