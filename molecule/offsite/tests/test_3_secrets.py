# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys are in files of root's only, in no argument or environment, and are changed by the role."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from _testbed import journal
from testinfra.host import Host

WRITER, READER, ADMIN = (
    "seeded-writer-secret",
    "seeded-reader-secret",
    "seeded-vault-admin-secret",
)
ROTATED = "rotated-writer-secret"
SECRETS = (WRITER, READER, ADMIN, ROTATED)
CONFIG = "/etc/janus-backup/offsite/rclone.conf"
VERIFY = "janus-backup-offsite-verify@vault.service"

# Looks at every process again and again until it is stopped.
SAMPLER = """
import glob, sys, time
secrets = [secret.encode() for secret in sys.argv[1:]]
print("looking", flush=True)
while True:
    time.sleep(0.01)
    for path in glob.glob("/proc/[0-9]*"):
        for part in ("cmdline", "environ"):
            try:
                content = open(path + "/" + part, "rb").read()
                name = open(path + "/comm").read().strip()
            except OSError:
                continue
            if b"sampler-of-keys" in content:
                continue
            if b"rclone" in content and part == "cmdline":
                print("seen", name, flush=True)
            if any(secret in content for secret in secrets):
                print("found in", part, "of", name, flush=True)
"""


def _sampled(host: Host) -> str:
    # of this watch only, not of an earlier one on the same bed
    run = "$(systemctl show keys --property=InvocationID --value)"
    return journal.read(host, f"_SYSTEMD_INVOCATION_ID={run}")


@pytest.fixture
def _watched(node: Host, drill_host: Host) -> Iterator[None]:
    for host in (node, drill_host):
        host.check_output(
            "systemd-run --unit=keys --setenv=NAME=sampler-of-keys /usr/bin/python3 -c %s "
            f"{' '.join(SECRETS)} sampler-of-keys",
            SAMPLER,
        )
    yield
    for host in (node, drill_host):
        host.check_output("systemctl stop keys")


def _rotate(play: Any, *arguments: str) -> Any:
    limit = "--limit=janus1,localhost"
    return play("site", limit, *arguments, vault_writer_secret=ROTATED, target="janus1")


@pytest.mark.usefixtures("_watched")
def test_no_key_is_seen_while_the_role_changes_it_and_copies_are_made_and_proved(
    node: Host, drill_host: Host, play: Any, back_up: Callable[[], None], copy: Any, state: Any
) -> None:
    old = node.file(CONFIG).content_string
    assert WRITER in old
    done = _rotate(play, "-vvv")
    assert not [secret for secret in SECRETS if secret in done.stdout + done.stderr]
    assert node.file(CONFIG).content_string == old.replace(WRITER, ROTATED)
    back_up()
    assert state("vault")["status"] == "copied", state("vault")["sentence"]
    drill_host.check_output(f"systemctl start {VERIFY}")
    for host in (node, drill_host):
        assert "looking" in _sampled(host)
        # rclone was among what was looked at, and nothing had a key.
        assert "seen rclone" in _sampled(host)
        assert "found in" not in _sampled(host)
    # The control: what the watch is for, it does find.
    node.check_output(f"env HIDDEN={ROTATED} timeout 2 sleep 2 || true")
    assert "found in environ of" in _sampled(node)


def test_the_key_from_before_opens_nothing(node: Host) -> None:
    node.check_output(f"sed 's/{ROTATED}/{WRITER}/' {CONFIG} >/root/old.conf")
    rclone = "/opt/janus-backup/venv/bin/rclone --retries 1 --low-level-retries 1"
    assert node.run(f"{rclone} --config {CONFIG} ls vault:janus1").rc == 0
    refused = node.run(f"{rclone} --config /root/old.conf ls vault:janus1")
    assert refused.rc != 0
    assert "SignatureDoesNotMatch" in refused.stderr
    node.check_output("rm /root/old.conf")


def test_the_role_changes_nothing_that_is_as_declared(play: Any) -> None:
    again = _rotate(play).said
    assert re.search(r"janus1 +: ok=\d+ +changed=0 ", again), again[-2000:]


def test_keys_are_for_root_only_and_each_host_has_its_own(node: Host, drill_host: Host) -> None:
    places = "/etc /opt/janus-backup /var/lib/janus-backup /run /root /tmp /mnt /home /var/log"
    for host, known in ((node, ROTATED), (drill_host, READER)):
        others = "find /etc/janus-backup/offsite -type f ! -perm 0600 ! -name '*.pub'"
        assert host.check_output(others) == ""
        assert host.file("/etc/janus-backup/offsite").mode == 0o700
        listing = f"grep -rlE '{'|'.join(SECRETS)}' {places} --exclude-dir=journal || true"
        assert host.check_output(f"{listing} 2>/dev/null").split() == [CONFIG]
        content = host.file(CONFIG).content_string
        assert [secret for secret in SECRETS if secret in content] == [known]


def test_no_key_is_in_a_journal(node: Host, drill_host: Host) -> None:
    for host in (node, drill_host):
        for secret in SECRETS:
            # without what these very tests told systemd and its shell
            others = "--output=short | grep -vE 'sampler|HIDDEN|grep|sed '"
            assert int(journal.read(host, f"{others} | grep -c {secret} || true")) == 0
