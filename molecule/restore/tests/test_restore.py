# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore services of a node that goes on working, and break that in every way."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[3]
SCENARIO = os.environ["MOLECULE_SCENARIO_NAME"]
JOURNALS = "/var/lib/janus-backup/restore"
ROWS = "SELECT count(*), sum(hashtextextended(p::text, 0)::numeric) FROM debian.stock p"
REDIS = "redis-cli --no-auth-warning -a seeded-redis-secret"
PHASES = ["extract", "build", "restore", "compare", "swap", "check"]


def query(node: Host, sql: str, database: str = "debian") -> str:
    psql = f"docker exec janus-postgresql psql --username=janus --dbname={database} -Atqc"
    return str(node.check_output(f"{psql} '{sql}'")).strip()


def keys(node: Host) -> str:
    return str(node.check_output(f"docker exec janus-redis {REDIS} info keyspace")).strip()


def archives(node: Host) -> list[str]:
    borg = "BORG_PASSCOMMAND='cat /etc/janus-backup/passphrase' /opt/janus-backup/venv/bin/borg"
    listing = (
        f"BORG_BASE_DIR=/var/lib/janus-backup/borg {borg} list --short /var/backups/janus.borg"
    )
    return str(node.check_output(listing)).splitlines()


def journals(node: Host) -> list[dict[str, Any]]:
    found = node.check_output(f"cat {JOURNALS}/*.json 2>/dev/null || true")
    decoder, position, result = json.JSONDecoder(), 0, []
    while position < len(found.strip()):
        entry, position = decoder.raw_decode(found, position)
        position += len(found[position:]) - len(found[position:].lstrip())
        result.append(entry["janus_backup_restore"])
    return sorted(result, key=lambda journal: float(journal["phases"][0]["at"]))


def made(node: Host, what: str) -> set[str]:
    """Return what there is in Docker with a restore's label: containers, networks or volumes."""
    label = "--quiet --filter label=janus.backup.restore"
    return set(node.check_output(f"docker {what} {label}").split())


def nothing_is_left(node: Host) -> None:
    """Of restores there are only their journals, and the old data of those that were proven."""
    ended = journals(node)
    assert not [journal["run"] for journal in ended if journal["open"]]
    assert not made(node, "ps --all")
    assert not made(node, "network ls")
    assert node.check_output("docker ps --all --quiet --filter label=janus.backup.job") == ""
    assert node.check_output(f"find {JOURNALS} -mindepth 1 -not -name '*.json'") == ""
    kept = {
        f"{journal['run']}-0"
        for journal in ended
        if journal["phase"] == "done" and journal.get("pairs") and not journal.get("discarded")
    }
    assert made(node, "volume ls") == kept


@pytest.fixture(scope="module")
def good(node: Host, play: Any) -> dict[str, str]:
    """What an archive holds, before something goes wrong with the data."""
    play("backup")
    return {"archive": archives(node)[-1], "rows": query(node, ROWS), "keys": keys(node)}


@pytest.fixture(scope="module")
def damaged(node: Host, good: dict[str, str], play: Any) -> str:
    """The rows after a wrong DELETE, which the next backup archives in all innocence."""
    some = "SELECT ctid FROM debian.stock LIMIT 9"
    query(
        node,
        f"SET session_replication_role = replica; DELETE FROM debian.stock WHERE ctid IN ({some})",
    )
    rows = query(node, ROWS)
    assert rows != good["rows"]
    return rows


def test_a_plan_changes_nothing(node: Host, play: Any, good: dict[str, str], damaged: str) -> None:
    output = play("restore", "--check", restore="postgresql", confirm="postgresql").stdout
    assert f"from      {good['archive']}" in output
    assert "replaces  the data of container janus-postgresql" in output
    assert "changed=0" in output
    refused = play("restore", expect=1, restore="postgresql").said
    assert "nothing was changed; to go on with postgresql" in refused
    assert (
        "nothing was changed"
        in play("restore", expect=1, restore="postgresql", confirm="redis").said
    )
    assert not journals(node)
    assert not made(node, "ps --all") | made(node, "volume ls")
    assert query(node, ROWS) == damaged


def test_what_a_wrong_delete_took_comes_back_and_can_go_again(
    node: Host, play: Any, good: dict[str, str], damaged: str
) -> None:
    play("backup")  # the newest archive has the damage
    moment = good["archive"].rpartition("nightly-")[2]
    arguments = {"restore": "postgresql", "archive": moment, "confirm": "postgresql"}
    output = play("restore", **arguments).stdout
    assert "compared again in its place: equal" in output
    assert query(node, ROWS) == good["rows"]
    nothing_is_left(node)
    (line,) = [line for line in output.splitlines() if "extract" in line and "compare" in line]
    phases = line.strip().strip('",')
    print(f"\nRTO postgresql: {phases}; {raw_seconds(node):.1f} s of pg_restore alone")
    play("restore", undo=journals(node)[-1]["run"])
    assert query(node, ROWS) == damaged
    nothing_is_left(node)


RAW = """set -e
tool() { name=$1; shift; docker exec janus-postgresql $name --username=janus "$@"; }
tool pg_dump -Fd -Z0 -j2 --file=/tmp/raw debian
tool createdb --template=template0 raw
began=$(date +%s%N)
tool pg_restore -j2 --dbname=raw /tmp/raw >&2
echo $(($(date +%s%N) - began))
tool dropdb raw
docker exec janus-postgresql rm -rf /tmp/raw
"""


def raw_seconds(node: Host) -> float:
    """Return how long pg_restore alone takes for the database that is nearly all of the data."""
    return int(node.check_output(RAW)) / 1e9


def refused(play: Any, node: Host, sentence: str, rows: str, **arguments: Any) -> None:
    """A restore fails with a sentence, and the data is what it was, in a service that runs."""
    wanted = {"restore": "postgresql", "confirm": "postgresql", **arguments}
    assert sentence in play("restore", expect=1, **wanted).said
    assert query(node, ROWS) == rows
    nothing_is_left(node)


def test_without_space_nothing_is_begun(node: Host, play: Any, damaged: str) -> None:
    node.check_output(f"mount -t tmpfs -o size=8m,mode=0700 tmpfs {JOURNALS}")
    try:
        output = play("restore", expect=1, restore="postgresql", confirm="postgresql").said
        assert "no space to restore" in output
        assert not journals(node)
    finally:
        node.check_output(f"umount {JOURNALS}")
    assert query(node, ROWS) == damaged
    nothing_is_left(node)


def test_another_version_is_refused_before_anything_is_begun(
    node: Host, play: Any, damaged: str, plant: Callable[..., str]
) -> None:
    before = len(journals(node))
    sentence = "the archive is of 14.2"
    refused(play, node, sentence, damaged, archive=plant("older", "postgresql", "14.2"))
    assert len(journals(node)) == before


def test_damage_in_the_archive_leaves_the_present_data_in_place(
    node: Host, play: Any, damaged: str, plant: Callable[..., str]
) -> None:
    refused(play, node, "does not match its sha256", damaged, archive=plant("flip"))
    changed = plant("replace", "Debian", "Dabian")
    refused(play, node, "objects are not as in the archive", damaged, archive=changed)


@pytest.mark.parametrize("phase", PHASES)
def test_a_restore_that_is_killed_leaves_the_old_data(
    node: Host, play: Any, good: dict[str, str], damaged: str, phase: str
) -> None:
    with interrupted(node, play, phase, good["archive"]) as unit:
        node.check_output(f"systemctl kill --signal=KILL --kill-whom=all {unit}")
    assert query(node, ROWS) == damaged
    nothing_is_left(node)


def test_after_a_power_failure_before_the_proof_the_old_data_is_back(
    node: Host, play: Any, good: dict[str, str], damaged: str
) -> None:
    with interrupted(node, play, "check", good["archive"]):
        assert await_rows(node) == good["rows"]  # the new data is in place, but not yet proven
        subprocess.run(["docker", "kill", f"janus-{SCENARIO}-janus1"], check=True)
        testbed = [sys.executable, "molecule/testbed.py", "start", SCENARIO, "janus1"]
        subprocess.run(testbed, check=True, cwd=ROOT)
    assert await_rows(node) == damaged
    await_end(node, "janus-backup-restore-end.service")
    nothing_is_left(node)


@contextlib.contextmanager
def interrupted(node: Host, play: Any, phase: str, archive: str, part: str = "") -> Iterator[str]:
    """Begin a restore, stop its processes once it is in a phase, and yield its unit."""
    arguments = {"restore": "postgresql", "archive": archive, "confirm": "postgresql"}
    if part:
        arguments |= {"part": part, "confirm": f"postgresql/{part}"}
    found: list[Any] = []
    run = threading.Thread(
        target=lambda: found.append(play("restore", expect=None, **arguments).returncode)
    )
    run.start()
    # On the node itself, to be quick enough; no journal of an earlier one is in this phase.
    watch = (
        f'for n in $(seq 12000); do j=$(grep -ls \'"phase": "{phase}"\' {JOURNALS}/*.json) && '
        "break; sleep 0.01; done; run=$(basename $j .json); "
        "systemctl kill --signal=STOP --kill-whom=all janus-backup-restore@$run.service; echo $run"
    )
    unit = f"janus-backup-restore@{node.check_output(watch).strip()}.service"
    yield unit
    run.join()
    assert found
    assert found[0] != 0
    await_end(node, unit)


def await_end(node: Host, unit: str) -> None:
    state = f"systemctl show --property=ActiveState --value {unit}"
    await_("the unit to end", lambda: node.check_output(state).strip() in ("failed", "inactive"))


def await_rows(node: Host) -> str:
    """Return the rows once PostgreSQL answers."""
    ready = "docker exec janus-postgresql pg_isready --quiet --host=127.0.0.1"
    await_("PostgreSQL to answer", lambda: node.run(ready).rc == 0)
    return query(node, ROWS)


def await_(what: str, condition: Callable[[], Any], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s in vain for {what}")
        time.sleep(0.1)


def test_after_all_that_the_next_restore_succeeds_and_its_old_data_can_be_discarded(
    node: Host, play: Any, good: dict[str, str]
) -> None:
    play("restore", restore="postgresql", archive=good["archive"], confirm="postgresql")
    assert query(node, ROWS) == good["rows"]
    play("restore", discard=journals(node)[-1]["run"])
    assert not made(node, "volume ls")
    nothing_is_left(node)


def test_a_table_comes_back_beside_the_present_one(
    node: Host, play: Any, good: dict[str, str]
) -> None:
    part = {"part": "table:debian/debian.stock", "as": "yesterday"}
    query(node, "SET session_replication_role = replica; DELETE FROM debian.maintenance")
    wanted = {"restore": "postgresql", "archive": good["archive"], **part}
    confirm = "postgresql/table:debian/debian.stock"
    assert f"-e confirm={confirm}" in play("restore", expect=1, **wanted).said
    play("restore", confirm=confirm, **wanted)
    assert query(node, ROWS.replace("debian.stock", "yesterday.stock")) == good["rows"]
    assert query(node, "SELECT count(*) FROM debian.maintenance") == "0"
    assert (
        "there is a schema yesterday in debian already"
        in play("restore", expect=1, confirm=confirm, **wanted).said
    )
    nothing_is_left(node)


def test_a_database_takes_the_place_of_the_present_one_and_goes_again(
    node: Host, play: Any, good: dict[str, str]
) -> None:
    query(node, "DROP SCHEMA yesterday CASCADE")
    maintained = "SELECT count(*) > 0 FROM debian.maintenance"
    part = "database:debian"
    arguments = {"restore": "postgresql", "archive": good["archive"], "part": part}
    play("restore", confirm=f"postgresql/{part}", **arguments)
    assert query(node, maintained) == "t"
    assert query(node, ROWS) == good["rows"]
    run = journals(node)[-1]
    assert query(node, maintained, run["aside"]) == "f"
    play("restore", undo=run["run"])
    assert query(node, maintained) == "f"
    with interrupted(node, play, "copy", good["archive"], part=part) as unit:
        node.check_output(f"systemctl kill --signal=KILL --kill-whom=all {unit}")
    assert query(node, maintained) == "f"
    assert not databases(node) - {"debian"}
    play("restore", confirm=f"postgresql/{part}", **arguments)
    play("restore", discard=journals(node)[-1]["run"])
    assert query(node, maintained) == "t"
    assert not databases(node) - {"debian"}
    nothing_is_left(node)


def databases(node: Host) -> set[str]:
    """Return the names of all databases that begin with debian."""
    named = "SELECT datname FROM pg_database WHERE starts_with(datname, $$debian$$)"
    return set(query(node, named, "template1").splitlines())


def test_keys_of_redis_take_the_place_of_the_present_ones(
    node: Host, play: Any, good: dict[str, str]
) -> None:
    redis = f"docker exec janus-redis {REDIS}"
    pattern = f"{node.check_output(f'{redis} randomkey').strip().partition(':')[0]}:*"
    count = f"{redis} eval 'return #redis.call(\"KEYS\", ARGV[1])' 0 '{pattern}'"
    before = node.check_output(count)
    forget = 'for _, k in ipairs(redis.call("KEYS", ARGV[1])) do redis.call("DEL", k) end'
    node.check_output(f"{redis} eval '{forget}' 0 '{pattern}'")
    node.check_output(f"{redis} set '{pattern.replace('*', 'wrong')}' 1")
    part = f"keys:0/{pattern}"
    play("restore", restore="redis", archive=good["archive"], part=part, confirm=f"redis/{part}")
    assert node.check_output(count) == before
    play("restore", undo=journals(node)[-1]["run"])
    assert node.check_output(count).split()[-1] == "1"
    nothing_is_left(node)


def test_redis_gets_keys_users_and_settings_back(
    node: Host, play: Any, good: dict[str, str]
) -> None:
    node.check_output(f"docker exec janus-redis {REDIS} flushall")
    node.check_output(f"docker exec janus-redis {REDIS} acl deluser debian-shipper")
    output = play("restore", restore="redis", archive=good["archive"], confirm="redis").stdout
    assert "compared again in its place: equal" in output
    assert keys(node).count("keys=") == good["keys"].count("keys=") > 0
    nothing_is_left(node)
