# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill takes from where, in what order, with which verdict, exit code and evidence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from _testbed import drills, journal
from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "docs/drill-report.schema.json").read_text(encoding="utf-8"))


def test_before_the_first_drill_it_is_an_alarm_that_there_was_none(drill_host: Host) -> None:
    assert drill_host.run("systemctl start janus-backup-drill-age").rc != 0
    told = journal.read(drill_host, "--unit=janus-backup-drill-age")
    assert "no drill of all services was ever proven" in told
    assert drills.pings(drill_host)[-1] == "fail"
    metrics = drill_host.file(drills.METRICS)
    assert "last_proven_timestamp_seconds 0" in metrics.content_string
    assert metrics.mode == 0o644


def test_the_oldest_archive_is_proven_with_its_checks_in_its_order(
    play: Any, drill_host: Host, archives: list[str]
) -> None:
    output = drills.told(play("restore_drill", archive="oldest"))
    report = drills.reports(drill_host)[-1]
    assert report["verdict"] == "proven", report["sentences"]
    assert report["archive"]["name"] == archives[0]
    assert report["archive"]["newest"]["name"] == archives[1]
    services = report["services"]
    assert [check["name"] for check in services["postgresql"]["checks"]] == [
        "smoke",
        "never_filled",
    ]
    assert [check["name"] for check in services["redis"]["checks"]] == ["smoke", "ping"]
    assert all(
        service["seconds"].keys() >= {"build", "restore", "verify"} for service in services.values()
    )
    assert report["rpo"]["measured_seconds"] < 3600
    # Nobody restores in a second: the target is missed, and that is shown.
    assert report["rto"]["missed"] in report["warnings"]
    assert f"WARNING: {report['rto']['missed']}" in output
    assert f"signed by {report['signer']}" in output
    log = journal.read(drill_host, "--unit=janus-backup-drill@oldest")
    assert log.index("Compare PostgreSQL") < log.index("Restore Redis")
    assert drills.pings(drill_host)[-2:] == ["start", "0"]
    assert drills.leftovers(drill_host) == ""


def test_after_a_proven_drill_there_is_no_alarm(drill_host: Host) -> None:
    drill_host.check_output("systemctl start janus-backup-drill-age")
    lines = drill_host.file(drills.METRICS).content_string.splitlines()
    assert 'janus_backup_drill_last_verdict{verdict="proven"} 1' in lines
    assert not [line for line in lines if line.endswith("last_proven_timestamp_seconds 0")]


def test_a_failed_check_is_named_and_what_depends_on_it_is_not_run(
    play: Any, drill_host: Host, archives: list[str]
) -> None:
    output = drills.told(play("restore_drill", expect=2))
    report = drills.reports(drill_host)[-1]
    assert report["archive"]["name"] == archives[1]
    verdicts = {name: service["verdict"] for name, service in report["services"].items()}
    assert verdicts == {"postgresql": "failed", "redis": "not run"}
    assert "postgresql: check never_filled: expected 1, found 0" in report["sentences"]
    assert "redis: postgresql, on which it depends, was not restored" in report["sentences"]
    assert report["verdict"] == "failed"
    assert drills.state(drill_host, drills.unit("latest"), "ExecMainStatus") == "11"
    assert "exit code 11" in output
    assert drills.pings(drill_host)[-1] == "11"


def test_an_archive_of_the_first_format_on_a_read_only_disk_is_proven(
    play: Any, drill_host: Host, golden_archive: str
) -> None:
    listing = "cd /mnt/disk && find . -type f -printf '%T@ ' -exec sha256sum {} ';'"
    before = drill_host.check_output(listing)
    play("restore_drill", archive=golden_archive, source="golden")
    report = drills.reports(drill_host)[-1]
    assert (report["verdict"], report["source"]["name"]) == ("proven", "golden")
    # None where the images are still those of the day on which the golden archive was made.
    assert report["services"]["redis"]["replaced_image"] in (None, "janus-test/redis")
    assert report["services"]["redis"]["objects_compared"] > 0
    assert drill_host.check_output(listing) == before


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"source": "nowhere"}, "there is no source nowhere, only node, golden"),
        ({"services": "redis,mysql"}, "the archive has no service mysql"),
    ],
)
def test_what_is_not_there_is_said(play: Any, variables: dict[str, str], sentence: str) -> None:
    assert sentence in drills.told(play("restore_drill", expect=2, **variables))


def test_every_report_is_as_its_schema_has_it_and_signed(drill_host: Host) -> None:
    found = drills.reports(drill_host)
    assert len(found) == 5
    for report in found:
        jsonschema.validate(report, SCHEMA)
        assert report["signer"].startswith("SHA256:")
    assert [report["sequence"] for report in found] == list(range(1, 6))


def test_no_secret_is_told(drill_host: Host) -> None:
    told = journal.read(drill_host, "--unit='janus-backup-drill*'")
    assert "report: " in told
    for secret in (drills.SECRET, "PRIVATE KEY", "seeded-redis-secret", "golden-redis-secret"):
        assert secret not in told
    for path in ("drill-healthchecks-url", "drill-signing-key", "drill.yml"):
        assert drill_host.file(f"/etc/janus-backup/{path}").mode == 0o600
    assert drills.SECRET not in drill_host.file(drills.DRILL).content_string


def test_a_report_that_was_edited_shows_whatever_the_drill_finds(
    play: Any, drill_host: Host, archives: list[str]
) -> None:
    first = drill_host.check_output(f"ls {drills.DRILLS}/0*.json | head -1").strip()
    drill_host.check_output(f"cp -p {first} /root/kept && sed -i s/proven/failed/ {first}")
    moment = archives[0].partition("nightly-")[2]
    try:
        assert drill_host.run("systemctl start janus-backup-drill-age").rc != 0
        done = play("restore_drill", expect=2, archive=moment, services="redis")
    finally:
        drill_host.check_output(f"mv /root/kept {first}")
    report = drills.reports(drill_host)[-1]
    assert (report["verdict"], list(report["services"])) == ("proven", ["redis"])
    assert report["archive"]["name"] == archives[0]
    assert "the history of drills was tampered with" in drills.told(done)
    assert f"{Path(first).name} was fetched earlier and is gone or edited" in drills.told(done)
