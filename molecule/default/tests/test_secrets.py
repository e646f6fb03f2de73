# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret in any process's arguments or environment, journal, output or world-readable file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from _testbed import journal
from testinfra.host import Host

# inventories/demo/group_vars/all.yml
SECRETS = ("demo-repository-secret", "seeded-postgresql-secret")

# Looks at every process again and again until it is stopped. The containers of the services have
# their password in their environment, as their image wants it; that is the stack's, not ours.
SAMPLER = """
import glob, subprocess, sys
secrets = [secret.encode() for secret in sys.argv[1:]]
own = ("docker", "ps", "--quiet", "--no-trunc", "--filter", "label=janus.backup.job")
print("looking", flush=True)
while True:
    ours = subprocess.run(own, capture_output=True, text=True).stdout.split()
    for path in glob.glob("/proc/[0-9]*"):
        try:
            group = open(path + "/cgroup").read()
            if "/docker/" in group and not any(name in group for name in ours):
                continue
            for part in ("cmdline", "environ"):
                content = open(path + "/" + part, "rb").read()
                if b"sampler-of-secrets" in content:
                    continue
                if any(secret in content for secret in secrets):
                    name = open(path + "/comm").read().strip()
                    print("found in", part, "of", name, flush=True)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
"""


def _sampled(host: Host) -> str:
    return journal.read(host, "--unit=sampler")


@pytest.fixture
def _watched(node: Host, drill_host: Host) -> Iterator[None]:
    for host in (node, drill_host):
        host.check_output("systemctl reset-failed sampler 2>/dev/null || true")
        secrets = " ".join(SECRETS)
        host.check_output(
            "systemd-run --unit=sampler --setenv=NAME=sampler-of-secrets /usr/bin/python3 -c %s "
            f"{secrets} sampler-of-secrets",
            SAMPLER,
        )
    yield
    for host in (node, drill_host):
        host.check_output("systemctl stop sampler")


@pytest.mark.usefixtures("_watched")
def test_no_secret_is_seen_while_provisioning_backing_up_and_drilling(
    play: Any, node: Host, drill_host: Host
) -> None:
    for name in ("site", "backup", "restore_drill"):
        done = play(name, "-vvv")
        for secret in SECRETS:
            assert secret not in done.stdout + done.stderr, f"{name} -vvv shows {secret}"
    for host in (node, drill_host):
        assert "looking" in _sampled(host)
        assert "found in" not in _sampled(host)
    # The control: what the watch is for, it does find.
    node.check_output(f"env HIDDEN={SECRETS[0]} timeout 5 sleep 5 || true")
    assert "found in environ of" in _sampled(node)


def test_no_secret_is_in_the_journal(node: Host, drill_host: Host) -> None:
    for host in (node, drill_host):
        for secret in SECRETS:
            # without what this very test told systemd, its shell and sudo
            counted = f"--output=short | grep -v sampler | grep -c {secret} || true"
            assert int(journal.read(host, counted)) == 0


def _readable_by_all(host: Host) -> str:
    # Not /run/containerd: Docker's own copies of environments, below directories of root's.
    places = "/etc /opt /run/janus-backup /tmp /home /root /srv /usr/local /var/backups"
    places += " /var/lib/janus-backup"
    pattern = "|".join(SECRETS)
    return str(
        host.check_output(
            f"find {places} -xdev -type f -perm /0004 -exec grep -lE '{pattern}' {{}} + || true"
        )
    )


def test_no_secret_is_in_a_file_that_others_can_read(node: Host, drill_host: Host) -> None:
    assert _readable_by_all(node) == ""
    assert _readable_by_all(drill_host) == ""
    node.check_output(f"echo {SECRETS[0]} > /tmp/control && chmod 0644 /tmp/control")
    assert _readable_by_all(node) == "/tmp/control"
    node.check_output("rm /tmp/control")


def test_what_is_secret_is_only_for_root(node: Host) -> None:
    for path in ("/etc/janus-backup", "/var/lib/janus-backup"):
        assert node.file(path).mode == 0o700
    listing = node.check_output("find /etc/janus-backup -type f ! -perm 0600")
    assert listing == ""
