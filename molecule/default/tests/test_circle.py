# SPDX-License-Identifier: GPL-3.0-or-later
"""Back up while clients write, restore on another host, and prove that the data is equal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[3]
PASSWORD = "seeded-postgresql-secret"  # inventories/demo


@pytest.fixture(scope="module")
def writer(node: Host) -> Iterator[subprocess.Popen[str]]:
    """A client that commits all the time, from before the backup until after it."""
    address = node.backend.get_variables()["ansible_host"]
    process = subprocess.Popen(
        [
            sys.executable,
            str(ROOT / "molecule/seed/writer.py"),
            f"--dsn=host={address} user=janus dbname=postgres",
        ],
        env={**os.environ, "PGPASSWORD": PASSWORD},
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    if process.poll() is None:
        process.kill()


def test_writers_commit_all_through_a_backup(
    writer: subprocess.Popen[str], play: Any, node: Host
) -> None:
    done = play("backup")
    assert "objects snapshot" in done.stdout
    assert writer.poll() is None, "the writer failed or was made to wait"
    live = play_compare(node)
    writer.send_signal(signal.SIGTERM)
    told = json.loads(writer.communicate(timeout=30)[0].splitlines()[-1])
    assert told["transactions"] > 100
    # The control: what a checksum outside the snapshot finds is not what the archive holds.
    assert any("table" in difference for difference in live)


def play_compare(node: Host) -> list[str]:
    """Compare the live server with the archive just made; return the differences."""
    program = """
import json, tempfile
from pathlib import Path
from ansible_collections.janus.backup.plugins.module_utils import _borg, _checksum, _job, _manifest
from ansible_collections.janus.backup.plugins.module_utils._services import postgresql
job = _job.read("/etc/janus-backup/jobs/nightly.yml")
access, repository = _job.borg_access(job), job["repositories"][0]["path"]
name = _borg.archives(access, repository, job["archive_prefix"] + "-[0-9]*")[-1]["name"]
with tempfile.TemporaryDirectory() as directory:
    inside = "staging/nightly/manifest.json"
    _borg.run(access, ["extract", repository + "::" + name, inside], Path(directory))
    record = _manifest.record(Path(directory, "staging/nightly"), "postgresql")
service = next(service for service in job["services"] if service["name"] == "postgresql")
print(json.dumps(_checksum.differences(record["checksums"], postgresql.checksum(service))))
"""
    python = "PYTHONPATH=/opt/janus-backup/collections PATH=/opt/janus-backup/venv/bin:$PATH python"
    found: list[str] = json.loads(node.check_output(f"{python} - <<'PROGRAM'\n{program}\nPROGRAM"))
    return found


def test_the_drill_on_a_bare_host_proves_the_archive(
    play: Any, latest_report: Callable[[], dict[str, Any]]
) -> None:
    done = play("restore_drill")
    report = latest_report()
    assert report["verdict"] == "proven", report["sentences"]
    service = report["services"]["postgresql"]
    assert service["consistency"] == "snapshot"
    assert service["objects_compared"] == service["objects_expected"] > 300
    assert "proven" in done.stdout


def test_the_drill_leaves_nothing_behind(drill_host: Host) -> None:
    for what in ("ps --all", "volume ls", "network ls"):
        found = drill_host.check_output(f"docker {what} --quiet --filter label=janus.backup.drill")
        assert found == ""
    assert not drill_host.file("/var/lib/janus-backup/drill").exists


def test_the_drill_only_read_the_repository(play: Any, node: Host) -> None:
    listing = "cd /var/backups/janus.borg && find . -type f -printf '%T@ ' -exec sha256sum {} ';'"
    before = node.check_output(listing)
    play("restore_drill", archive="random")
    assert node.check_output(listing) == before


def test_the_drill_host_can_do_nothing_else_on_the_node(drill_host: Host, node: Host) -> None:
    address = node.backend.get_variables()["ansible_host"]
    done = drill_host.run(
        "ssh -i /etc/janus-backup/ssh/drill -o BatchMode=yes "
        f"-o UserKnownHostsFile=/etc/janus-backup/ssh/known_hosts root@{address} touch /tmp/reached"
    )
    assert done.rc != 0
    assert not node.file("/tmp/reached").exists


def test_staging_is_gone_and_the_next_run_is_scheduled(node: Host) -> None:
    assert not node.file("/var/lib/janus-backup/staging/nightly").exists
    assert node.service("janus-backup-nightly.timer").is_enabled
    assert node.service("janus-backup-nightly.timer").is_running
