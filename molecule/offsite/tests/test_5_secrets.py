# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys are in files of root's only, in no argument and no environment, and can be changed."""

from __future__ import annotations

import re
from typing import Any

from testinfra.host import Host

SECRETS = ("seeded-writer-secret", "seeded-reader-secret", "seeded-vault-admin-secret")

SAMPLER = """
import glob, sys
secrets = [secret.encode() for secret in sys.argv[1:]]
print("looking", flush=True)
while True:
    for path in glob.glob("/proc/[0-9]*"):
        for part in ("cmdline", "environ"):
            try:
                content = open(path + "/" + part, "rb").read()
            except OSError:
                continue
            if b"sampler-of-keys" not in content and any(each in content for each in secrets):
                print("found in", part, flush=True)
"""


def _sampled(node: Host) -> str:
    return str(node.check_output("journalctl --unit=sampler-of-keys --output=cat --quiet"))


def test_no_key_is_in_arguments_or_environments(node: Host, copy: Any) -> None:
    node.check_output("rm -rf /mnt/nas/repository /mnt/nas/copy.json")
    node.check_output("rm -f /var/lib/janus-backup/offsite/nas.json")
    node.check_output(
        "systemd-run --unit=sampler-of-keys --setenv=NAME=sampler-of-keys "
        f"/usr/bin/python3 -c %s {' '.join(SECRETS)} sampler-of-keys",
        SAMPLER,
    )
    try:
        assert copy("vault") == 0
        assert "looking" in _sampled(node)
        assert "found in" not in _sampled(node)
        # The control: what the watch is for, it does find.
        node.check_output(f"env HIDDEN={SECRETS[0]} timeout 2 sleep 2 || true")
        assert "found in environ" in _sampled(node)
    finally:
        node.check_output("systemctl stop sampler-of-keys")


def test_keys_are_only_for_root_and_the_administrators_are_nowhere(
    node: Host, drill_host: Host
) -> None:
    for host, known in ((node, SECRETS[0]), (drill_host, SECRETS[1])):
        assert host.check_output("find /etc/janus-backup/offsite -type f ! -perm 0600") == ""
        places = "/etc /opt/janus-backup /var/lib/janus-backup /run/janus-backup /root /tmp"
        pattern = "|".join(SECRETS)
        found = host.check_output(f"grep -rlE '{pattern}' {places} 2>/dev/null || true").split()
        assert found == ["/etc/janus-backup/offsite/rclone.conf"]
        content = host.file(found[0]).content_string
        assert [secret for secret in SECRETS if secret in content] == [known]
        journal = host.check_output(
            f"journalctl --quiet | grep -v sampler | grep -cE '{pattern}' || true"
        )
        assert int(journal) == 0


def test_another_key_is_put_in_place_by_the_role(node: Host, play: Any, copy: Any) -> None:
    rotated = {"vault_writer_secret": "rotated-writer-secret", "target": "janus1"}
    play("site", "--limit=janus1,localhost", **rotated)
    assert (
        "rotated-writer-secret" in node.file("/etc/janus-backup/offsite/rclone.conf").content_string
    )
    assert copy("vault") == 0
    again = play("site", "--limit=janus1,localhost", **rotated).stdout
    assert re.search(r"janus1 +: ok=\d+ +changed=0 ", again), again[-2000:]
