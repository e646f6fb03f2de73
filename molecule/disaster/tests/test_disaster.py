# SPDX-License-Identifier: GPL-3.0-or-later
"""Lose the node with all its volumes, make a bare machine the node again with nothing but the
disaster recovery kit and the repository, and go on as before.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from _testbed.kits import VAULT_PASSWORD, Kit, unpack
from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[3]
SCENARIO = os.environ["MOLECULE_SCENARIO_NAME"]
BED = ROOT / "build/beds" / SCENARIO
SERVICES = ("postgresql", "redis")
REPOSITORY = "/srv/janus.borg"
RECOVERY = "/var/lib/janus-backup/recovery"
BORG = (
    "BORG_PASSCOMMAND='cat /etc/janus-backup/passphrase' BORG_BASE_DIR=/tmp/borg"
    " /opt/janus-backup/venv/bin/borg"
)


def _testbed(*arguments: str) -> None:
    subprocess.run([sys.executable, "molecule/testbed.py", *arguments], check=True, cwd=ROOT)


def _await(what: str, condition: Callable[[], Any], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s in vain for {what}")
        time.sleep(0.05)


def _archives(drill_host: Host) -> list[str]:
    listing = drill_host.check_output(f"{BORG} list --short {REPOSITORY}")
    return [name for name in listing.splitlines() if "-nightly-" in name]


def _data(node: Host) -> dict[str, str]:
    """Return digests of the live data that owe nothing to this collection."""
    rows = "docker exec janus-postgresql psql --username=janus --dbname=debian -Atc"
    query = "SELECT * FROM debian.package ORDER BY id"
    keys = "docker exec janus-redis redis-cli --no-auth-warning -a seeded-redis-secret -n"
    return {
        "postgresql": node.check_output(f"{rows} '{query}' | sha256sum"),
        "sizes": " ".join(node.check_output(f"{keys} {number} dbsize") for number in range(16)),
        "queue": node.check_output(f"{keys} 0 lrange debian:queue:build 0 -1 | sha256sum"),
    }


def _specification(node: Host) -> dict[str, Any]:
    """Return what of the containers others rely on."""
    found = {}
    for name in SERVICES:
        told = json.loads(node.check_output(f"docker inspect janus-{name}"))[0]
        networks = told["NetworkSettings"]["Networks"]
        found[name] = {
            "hostname": told["Config"]["Hostname"],
            "environment": sorted(told["Config"]["Env"]),
            "command": told["Config"]["Cmd"],
            "image": told["Config"]["Image"],
            "ports": told["HostConfig"]["PortBindings"],
            "restart": told["HostConfig"]["RestartPolicy"],
            "memory": told["HostConfig"]["ShmSize"],
            "networks": sorted(networks),
            "mounts": sorted((each["Destination"], each.get("Name")) for each in told["Mounts"]),
        }
    return found


@pytest.fixture(scope="module")
def before(play: Any, node: Host, make_kit: Any) -> dict[str, Any]:
    """What the node was before it was lost, as of its last backup, which has another configuration
    than the kit.
    """
    make_kit()
    node.check_output("echo '# changed' >>/etc/janus-backup/borgmatic.d/nightly.yaml")
    play("backup")
    return {"data": _data(node), "containers": _specification(node)}


@pytest.fixture(scope="module")
def lost(before: dict[str, Any], kit: Kit) -> None:
    """The node is gone; a machine with nothing but Docker has its name. Its address may be another
    one.
    """
    _testbed("lose", SCENARIO, "janus1")
    _testbed("up", SCENARIO, "janus1", "drill1")
    shutil.copy(BED / "inventory.yml", kit.folder / "inventory/1/hosts.yml")


@pytest.fixture(scope="module")
def kit(before: dict[str, Any], make_kit: Any, tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """A fresh kit, taken elsewhere encrypted, and made a controller there without a network."""
    make_kit()
    folder = tmp_path_factory.mktemp("elsewhere")
    unpack(BED / "dr-kit.tar.gpg", folder)
    taken = Kit(folder / "dr-kit")
    taken.follow("1. ", network=False, said=VAULT_PASSWORD)
    assert (taken.folder / ".vault-password").read_text("utf-8") == VAULT_PASSWORD
    return taken


def test_a_node_that_is_alive_is_left_alone(before: dict[str, Any], play: Any, node: Host) -> None:
    output = play("disaster_recovery", expect=1).said
    assert "so it is not lost: nothing was changed" in output
    assert _data(node) == before["data"]


def test_a_drill_warns_of_a_kit_that_is_older_than_the_configuration(
    before: dict[str, Any], play: Any, latest_report: Any
) -> None:
    output = play("restore_drill", services="redis").said
    (warning,) = latest_report()["warnings"]
    assert "the configuration of node janus1 was changed after the disaster recovery" in warning
    assert f"WARNING: {warning}" in output


def test_no_kit_is_made_of_an_inventory_with_plain_secrets(
    before: dict[str, Any], play: Any
) -> None:
    kept = (BED / "dr-kit/kit.json").read_bytes()
    output = play("dr_kit", expect=1).said
    assert "no kit was made: inventory/2/group_vars/all.yml holds janus_backup_passphrase" in output
    assert (BED / "dr-kit/kit.json").read_bytes() == kept


def test_what_was_changed_in_the_kit_is_found(kit: Kit) -> None:
    file = kit.folder / "keys/janus1/vault"
    good = file.read_bytes()
    file.write_bytes(good.replace(b"a", b"b", 1))
    (said, code), *rest = kit.run("1. ", said=VAULT_PASSWORD)
    file.write_bytes(good)
    assert (code, rest) == (1, [])
    assert "keys/janus1/vault: FAILED" in said


def test_nothing_in_the_kit_is_for_others_or_tells_a_secret(kit: Kit) -> None:
    files = [path for path in (BED / "dr-kit").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o077 for path in files} == {0}
    secrets = (b"demo-repository-secret", b"seeded-")
    assert not [path for path in files if any(each in path.read_bytes() for each in secrets)]


@pytest.mark.usefixtures("lost")
def test_a_drill_of_the_kit_alone_is_proven_while_the_node_is_gone(
    kit: Kit, latest_report: Any
) -> None:
    output = kit.follow("3. Prove it on drill1")
    report = latest_report()
    assert report["verdict"] == "proven"
    assert set(report["services"]) == set(SERVICES)
    assert report["drill"] in output
    # The kit is of after the change that an older one did not have.
    assert report["warnings"] == []


@pytest.mark.usefixtures("lost")
def test_what_is_in_the_way_is_named_and_left_alone(play: Any, node: Host) -> None:
    node.check_output("docker volume create janus-redis")
    place = node.check_output("docker volume inspect --format '{{.Mountpoint}}' janus-redis")
    node.check_output(f"echo mine >{place}/mine")
    output = play("disaster_recovery", expect=1).said
    assert "redis: in the way: volume janus-redis is not empty" in output
    assert node.file(f"{place}/mine").content_string == "mine\n"
    assert node.check_output("docker ps --all --quiet --filter name=janus-redis") == ""
    assert not node.file("/etc/systemd/system/janus-backup-nightly.timer").exists
    node.check_output("docker volume rm janus-redis")
    # What the other service came to is kept, but this test of an interruption wants it anew.
    node.check_output(
        f"docker rm --force --volumes janus-postgresql && docker volume rm janus-postgresql"
        f" && rm -rf {RECOVERY} /etc/janus"
    )


@pytest.mark.usefixtures("lost")
def test_a_recovery_that_was_killed_goes_on_from_the_kit(
    before: dict[str, Any], kit: Kit, node: Host, drill_host: Host
) -> None:
    """Killed while PostgreSQL is being restored, with Redis proven already or not; then the key in
    the repository is destroyed.
    """
    unit = "janus-backup-recovery.service"
    node.check_output(f"systemctl start --no-block {unit}")
    tables = (
        "docker exec janus-postgresql psql --username=janus --dbname=debian -Atc"
        " 'SELECT count(*) FROM pg_class'"
    )
    _await("PostgreSQL's restore", lambda: node.run(tables).rc == 0)
    node.check_output(f"systemctl kill --signal=KILL --kill-whom=all {unit}")
    _await("its end", lambda: "failed" in node.run(f"systemctl is-active {unit}").stdout)
    assert not node.file(f"{RECOVERY}/proven/postgresql.json").exists
    assert node.check_output("docker ps --all --quiet --filter label=janus.backup.job") == ""
    assert not node.file("/run/janus-backup/recovery").exists
    config = f"{REPOSITORY}/config"
    drill_host.check_output(f"sed -i 's/^key = ......../key = AAAAAAAA/' {config}")
    assert drill_host.run(f"{BORG} list {REPOSITORY}").rc != 0
    said, code = kit.run("2. Recover node janus1")[-1]
    assert code != 0
    assert "refusing to keep the key of ssh://root@drill1/srv/janus.borg" in said
    kit.follow("If it refuses a repository's key")
    assert drill_host.run(f"{BORG} list {REPOSITORY}").rc == 0
    output = kit.follow("2. Recover node janus1")
    assert "recovered from janus1-nightly-" in output
    assert _data(node) == before["data"]
    assert _specification(node) == before["containers"]
    report = json.loads(node.file(f"{RECOVERY}/report.json").content_string)
    assert {name: each["verdict"] for name, each in report["services"].items()} == dict.fromkeys(
        SERVICES, "proven"
    )
    assert not node.file(f"{RECOVERY}/archive").exists


@pytest.mark.usefixtures("lost")
def test_the_next_nightly_run_goes_on_in_the_same_repository(
    play: Any, node: Host, drill_host: Host, latest_report: Any
) -> None:
    """After it, the key is changed too: the drill tells it, and site.yml exports the new one."""
    earlier = _archives(drill_host)
    assert node.service("janus-backup-nightly.timer").is_enabled
    assert node.service("janus-backup-nightly.timer").is_running
    play("backup")
    later = _archives(drill_host)
    assert len(set(later) - set(earlier)) == 1
    drill_host.check_output(f"{BORG} check {REPOSITORY}")
    same = "BORG_NEW_PASSPHRASE=$(cat /etc/janus-backup/passphrase)"
    drill_host.check_output(f"{same} {BORG} key change-passphrase {REPOSITORY}")
    play("restore_drill")
    # What was planted in the configuration is gone with the lost node, which is a change too.
    key, configuration = latest_report()["warnings"]
    assert "the repository's key is not in the disaster recovery kit" in key
    assert "the configuration of node janus1 was changed" in configuration
    copy = BED / "keys/janus1/vault"
    old, new = copy.read_text("utf-8"), drill_host.check_output(f"{BORG} key export {REPOSITORY}")
    play("site", "--limit=janus1")
    assert node.file("/etc/janus-backup/keys/vault").content_string.strip() == new != old.strip()
    assert node.file("/etc/janus-backup/keys/vault").mode == 0o600
    assert copy.read_text("utf-8").strip() == new
    assert (copy.stat().st_mode & 0o777, copy.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [path for path in copy.parent.glob("vault.*") if path.read_text("utf-8") == old]


@pytest.mark.usefixtures("lost")
def test_the_key_of_the_node_opens_its_repository_and_nothing_else(node: Host) -> None:
    ssh = (
        "ssh -i /etc/janus-backup/ssh/node -o BatchMode=yes -o IdentitiesOnly=yes"
        " -o UserKnownHostsFile=/etc/janus-backup/ssh/node_known_hosts root@drill1"
    )
    assert node.run(f"{ssh} touch /tmp/reached").rc != 0
    access = f"{BORG.replace('/tmp/borg', '/tmp/own')} --rsh '{ssh.removesuffix(' root@drill1')}'"
    assert node.run(f"{access} init -e none ssh://root@drill1/srv/other").rc != 0
    assert node.run(f"{access} info ssh://root@drill1{REPOSITORY}").rc == 0
