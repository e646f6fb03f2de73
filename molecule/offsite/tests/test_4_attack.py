# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever has the node, as root and with every key on it, can take neither copy from before."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from testinfra.host import Host

PYTHON = (
    "PATH=/opt/janus-backup/venv/bin:$PATH PYTHONPATH=/opt/janus-backup/collections "
    "/opt/janus-backup/venv/bin/python"
)
MODULES = "ansible_collections.janus.backup.plugins.module_utils"
TARGETS = "/etc/janus-backup/offsite"
RCLONE = f"/opt/janus-backup/venv/bin/rclone --config {TARGETS}/rclone.conf --retries 1"
BUCKET = "vault:janus1"
SSH = (
    "ssh -i /etc/janus-backup/ssh/repo_server -o BatchMode=yes"
    " -o UserKnownHostsFile=/etc/janus-backup/ssh/repo_server_known_hosts"
)
BORG = (
    "BORG_BASE_DIR=/var/lib/janus-backup/borg BORG_PASSCOMMAND='cat /etc/janus-backup/passphrase'"
    f" BORG_RSH='{SSH}' BORG_RELOCATED_REPO_ACCESS_IS_OK=yes /opt/janus-backup/venv/bin/borg"
)


@pytest.fixture(scope="module")
def server(vault: Host) -> str:
    """Where the repository server has the nodes' repositories."""
    return f"ssh://janus-backup@{vault.backend.get_variables()['ansible_host']}/srv/janus-backup"


@pytest.fixture(scope="module", autouse=True)
def before(node: Host, back_up: Any, copy: Any, wait: Any) -> str:
    """Back up, copy, and return the moment before the attack."""
    back_up()
    assert copy("vault") == 0
    moment = node.check_output("date --utc +%Y-%m-%dT%H:%M:%SZ")
    wait("the next second", lambda: node.check_output("date --utc +%Y-%m-%dT%H:%M:%SZ") > moment)
    return str(node.check_output("date --utc +%Y-%m-%dT%H:%M:%SZ"))


TOMORROW = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")

# What the keys of the node are asked for, straight at the server: (method, path, query, body).
REQUESTS = {
    "shorten the retention": (
        "PUT",
        "/janus1",
        {"object-lock": ""},
        "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>",
    ),
    "suspend versioning": (
        "PUT",
        "/janus1",
        {"versioning": ""},
        "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>",
    ),
    "expire versions at once": (
        "PUT",
        "/janus1",
        {"lifecycle": ""},
        "<LifecycleConfiguration><Rule><ID>x</ID><Status>Enabled</Status><Filter><Prefix></Prefix>"
        "</Filter><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays>"
        "</NoncurrentVersionExpiration></Rule></LifecycleConfiguration>",
    ),
    "unlock an object": (
        "PUT",
        "/janus1/copies/repository/config",
        {"retention": ""},
        f"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>{TOMORROW}</RetainUntilDate></Retention>",
    ),
    "delete the bucket": ("DELETE", "/janus1", {}, ""),
    "make a user": ("PUT", "/minio/admin/v3/add-user", {"accessKey": "another"}, "x"),
}


@pytest.mark.parametrize("wish", REQUESTS)
def test_the_server_refuses_the_nodes_keys_to(python: Any, wish: str) -> None:
    method, path, query, body = REQUESTS[wish]
    done = python(
        f"""
import base64, hashlib
from {MODULES} import _offsite_place, _s3
access = _offsite_place.access(_offsite_place.read("{TARGETS}/vault.yml"))
body = {body!r}.encode()
headers = {{"content-md5": base64.b64encode(hashlib.md5(body).digest()).decode(),
           "x-amz-bypass-governance-retention": "true", "x-minio-force-delete": "true"}}
try:
    print(_s3.ask(access, {method!r}, {path!r}, {query!r}, body, headers))
except _s3.RefusedError as error:
    print(error.code)
"""
    )
    assert "AccessDenied" in done.stdout, done.stdout + done.stderr


def test_a_copy_of_a_repository_that_was_emptied_is_stopped(
    node: Host, copy: Any, state: Any
) -> None:
    node.check_output("cp -a /var/backups/janus.borg /root/kept.borg")
    node.check_output(
        f"{BORG} delete /var/backups/janus.borg -a '*' && {BORG} compact /var/backups/janus.borg"
    )
    assert copy("vault") == 1
    assert "would shrink by" in state("vault")["sentence"]
    node.check_output(
        "rm -rf /var/backups/janus.borg && mv /root/kept.borg /var/backups/janus.borg"
    )


def test_the_attack_itself(node: Host, server: str) -> None:
    # By hand, past all that the collection would refuse: noise, then nothing, then every version.
    node.check_output(
        "cd /var/backups/janus.borg && find data -type f -exec sh -c"
        " 'head -c $(stat -c %s $1) /dev/urandom >$1' - {} ';'"
    )
    node.check_output(f"{RCLONE} sync /var/backups/janus.borg {BUCKET}/copies/repository")
    node.check_output(f"{RCLONE} delete {BUCKET}")
    for destroy in ("backend cleanup-hidden", "--s3-versions delete", "purge"):
        done = node.run(f"{RCLONE} {destroy} {BUCKET}")
        assert done.rc != 0
        assert "AccessDenied" in done.stderr
    repository = f"{server}/janus1.borg"
    node.check_output(f"{BORG} delete --force {repository} -a '*' && {BORG} compact {repository}")
    node.check_output(f"head -c 1M /dev/urandom | {BORG} create {repository}::noise -")
    assert node.check_output(f"{BORG} list --short {repository}") == "noise"
    node.check_output("rm -rf /var/backups/janus.borg")


def test_a_node_reaches_nothing_else_on_the_repository_server(
    node: Host, second_node: Host, vault: Host, server: str, play: Any
) -> None:
    host = server.removeprefix("ssh://").split("/")[0]
    for wish in ("touch /tmp/reached", "/opt/janus-backup/venv/bin/borg serve"):
        node.run(f"{SSH} {host} '{wish}' </dev/null")
    assert not vault.file("/tmp/reached").exists
    for own, other, asking in (("janus1", "janus2", node), ("janus2", "janus1", second_node)):
        assert asking.run(f"{BORG} info {server}/{own}.borg").rc == 0
        done = asking.run(f"{BORG} info {server}/{other}.borg")
        assert done.rc != 0
        assert "not allowed" in done.stderr
        assert asking.run(f"{BORG} init -e none {server}/{own}.borg/more").rc != 0


def _proven(play: Any, drill_host: Host, source: str) -> dict[str, Any]:
    done = play("restore_drill", source=source, expect=None)
    newest = drill_host.check_output("ls -t /var/lib/janus-backup/drills/*.json | head -1")
    report: dict[str, Any] = json.loads(drill_host.file(newest.strip()).content_string)
    assert report["verdict"] == "proven", done.stdout[-3000:]
    return report


def test_the_bucket_gives_back_what_was_there_before(
    play: Any, drill_host: Host, before: str
) -> None:
    # The control: as the attacker left it, there is nothing to restore.
    fetch = f"{PYTHON} -m {MODULES}._offsite_fetch {TARGETS}/vault.yml /root/fetched"
    assert "holds no copy" in drill_host.run(fetch).stderr
    settings = "/etc/janus-backup/drill.yml"
    drill_host.check_output(
        f"{PYTHON} -c \"import pathlib, yaml; path = pathlib.Path('{settings}');"
        " told = yaml.safe_load(path.read_text());"
        " source = [s for s in told['janus_backup_drill']['sources'] if s['name'] == 'vault'][0];"
        f" source['at'] = '{before}'; path.write_text(yaml.safe_dump(told))\""
    )
    report = _proven(play, drill_host, "vault")
    assert report["archive"]["name"].startswith("janus1-nightly-")


def test_the_repository_server_gives_back_what_was_there_before(
    play: Any, drill_host: Host, vault: Host, before: str
) -> None:
    program = f"{PYTHON} -m {MODULES}._offsite_rollback"
    base = "/srv/janus-backup"
    vault.check_output(
        f"su janus-backup -c '{program} {base}/janus1.borg {base}/janus1.rollback --at {before}'"
    )
    _proven(play, drill_host, "rollback")


@pytest.fixture
def _lost(node: Host) -> None:
    """Lose the node: services, data, state and declaration; its key for the server was kept."""
    node.check_output(
        "systemctl stop 'janus-backup*.timer' && rm -f /etc/systemd/system/janus-backup*"
        " && systemctl daemon-reload && docker rm --force janus-redis"
        " && docker volume rm janus-redis && rm -rf /var/lib/janus-backup /var/backups/janus.borg"
        " && find /etc/janus-backup -mindepth 1 -maxdepth 1 ! -name ssh -exec rm -r {} +"
    )


@pytest.mark.usefixtures("_lost")
def test_disaster_recovery_restores_what_was_there_before_and_copies_go_on(
    node: Host, play: Any, copy: Any, state: Any, before: str
) -> None:
    play(
        "disaster_recovery",
        target="janus1",
        janus_backup_recovery_offsite="vault",
        janus_backup_recovery_at=before,
    )
    told = json.loads(node.file("/var/lib/janus-backup/recovery/report.json").content_string)
    assert {name: each["verdict"] for name, each in told["services"].items()} == {"redis": "proven"}
    assert node.check_output(f"{BORG} list --short /var/backups/janus.borg")
    assert copy("vault") == 0
    assert state("vault")["status"] == "copied", state("vault")["sentence"]
