# SPDX-License-Identifier: GPL-3.0-or-later
"""Two archives with checks and dependencies, a golden repository on a read-only disk, and a check
of Healthchecks to ping.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from _testbed import drills
from testinfra.host import Host

SCENARIO = os.environ["MOLECULE_SCENARIO_NAME"]

# Notes the path of each ping in a file.
CHECK = f"""
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        with open("{drills.PINGS}", "a") as pings:
            pings.write(self.path + chr(10))
        self.send_response(200)
        self.end_headers()
    def log_message(self, *words):
        pass
http.server.HTTPServer(("127.0.0.1", 8099), Handler).serve_forever()
"""


@pytest.fixture(scope="session")
def golden_archive(drill_host: Host) -> str:
    """The name of the golden archive."""
    borg = "BORG_BASE_DIR=/tmp/golden BORG_PASSCOMMAND='cat /etc/janus-backup/golden' "
    borg += "/opt/janus-backup/venv/bin/borg list --short --bypass-lock /mnt/disk/format-1"
    return str(drill_host.check_output(borg)).strip()


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The operator's key."""
    path = tmp_path_factory.mktemp("key") / "operator"
    quiet = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)]
    subprocess.run(quiet, check=True)
    return path


@pytest.fixture(scope="session")
def settings(signer: Path, node: Host) -> dict[str, Any]:
    """What is set beyond the inventory of the demo."""
    image = "docker inspect --format '{{.Image}}' janus-"
    return {
        "janus_backup_drill_sources": [
            {"name": "node", "access": "node", "repository": "/var/backups/janus.borg"},
            {
                "name": "golden",
                "access": "local",
                "repository": "/mnt/disk/format-1",
                "passphrase_file": "/etc/janus-backup/golden",
            },
        ],
        "janus_backup_drill_replacement_images": {
            f"janus-test/{name}": node.check_output(f"{image}{name}").strip()
            for name in ("postgresql", "redis")
        },
        "janus_backup_drill_memory": "1g",
        "janus_backup_drill_cpus": 1.5,
        "janus_backup_drill_pids": 500,
        "janus_backup_drill_rto": "1s",
        "janus_backup_drill_rpo": "1h",
        "janus_backup_drill_signing_key": signer.read_text(encoding="utf-8"),
        "janus_backup_drill_allowed_signers": f"op {signer.with_suffix('.pub').read_text('utf-8')}",
        "janus_backup_drill_healthchecks_url": f"http://127.0.0.1:8099/{drills.SECRET}",
        "janus_backup_drill_metrics_directory": "/var/lib/node-exporter",
    }


@pytest.fixture(scope="session", autouse=True)
def archives(play: Any, node: Host, drill_host: Host, settings: dict[str, Any]) -> list[str]:
    """Make two archives, of which the second has a check that fails; return their names."""
    borg = "BORG_BASE_DIR=/var/lib/janus-backup/borg "
    borg += "BORG_PASSCOMMAND='cat /etc/janus-backup/passphrase' /opt/janus-backup/venv/bin/borg"
    node.check_output(f"{borg} delete --glob-archives '*' /var/backups/janus.borg")
    drill_host.check_output(f"rm -rf {drills.PINGS} {drills.DRILLS} {drills.METRICS}")
    drill_host.check_output("systemctl stop check 2>/dev/null || true")
    drill_host.check_output("systemd-run --unit=check /usr/bin/python3 -c %s", CHECK)
    drills.give_golden(drill_host, f"janus-{SCENARIO}-drill1")
    play("site", "--limit=drill1", **settings)
    for expect in (0, 1):
        drills.declare(node, expect)
        play("backup")
    names = node.check_output(f"{borg} list --short /var/backups/janus.borg").split()
    assert len(names) == 2
    return [str(name) for name in names]
