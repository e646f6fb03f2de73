# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role drill renders is what the drill's programs and Prometheus expect."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.janus.backup.plugins.module_utils import _drill_config, _drill_metrics

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = {
    "drill.yml": "drill.yml.j2",
    "drill.rules.yml": "drill.rules.yml.j2",
    "drill.service": "janus-backup-drill@.service.j2",
}
SMALL: dict[str, Any] = {
    "janus_backup_services": [
        {"name": "postgresql", "type": "postgresql", "container": "p", "password": "Wd3-service"}
    ],
    "janus_backup_passphrase": "Wd3-passphrase",
    "janus_backup_drill_node": "node1",
    "janus_backup_drill_address": "192.0.2.10",
}
LARGE: dict[str, Any] = {
    **SMALL,
    "janus_backup_drill_sources": [
        {"name": "node", "repository": "/b/r"},
        {"name": "disk", "access": "local", "repository": "/mnt/disk/r", "passphrase_file": "/p"},
        {"name": "vault", "access": "ssh", "repository": "ssh://b@h/./r", "ssh_command": "ssh -4"},
        {"name": "other", "access": "ssh", "repository": "ssh://b@i/./r"},
    ],
    "janus_backup_drill_job": "weekly",
    "janus_backup_drill_user": "backup",
    "janus_backup_drill_memory": "1g",
    "janus_backup_drill_cpus": 1.5,
    "janus_backup_drill_pids": 0,
    "janus_backup_drill_on_production": True,
    "janus_backup_drill_replacement_images": {"a:1": "b:1"},
    "janus_backup_drill_rto": "4h",
    "janus_backup_drill_rpo": "26h",
    "janus_backup_drill_targets_fail": True,
    "janus_backup_drill_max_age": "",
    "janus_backup_drill_signing_key": "Wd3-key",
    "janus_backup_drill_allowed_signers": "op ssh-ed25519 AAAA",
    "janus_backup_drill_healthchecks_url": "https://h.example/Wd3-check",
    "janus_backup_drill_metrics_directory": "/metrics",
}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory, play: Any) -> Path:
    """Return a directory with what is rendered from each declaration."""
    directory = tmp_path_factory.mktemp("rendering")
    files = [str(ROOT / f"roles/drill/{kind}/main.yml") for kind in ("defaults", "vars")]
    for name, declaration in {"small": SMALL, "large": LARGE}.items():
        (directory / name).mkdir()
        (directory / f"{name}.yml").write_text(yaml.safe_dump(declaration), encoding="utf-8")
    tasks = [
        {
            "ansible.builtin.template": {
                "src": str(ROOT / "roles/drill/templates" / template),
                "dest": f"{{{{ inventory_hostname }}}}/{target}",
                "mode": "0600",
            }
        }
        for target, template in TEMPLATES.items()
    ]
    plays = [
        {
            "hosts": name,
            "gather_facts": False,
            "vars": {"role_path": str(ROOT / "roles/declaration")},
            "vars_files": [*files, f"{name}.yml"],
            "roles": ["janus.backup.declaration"],
            "tasks": tasks,
        }
        for name in ("small", "large")
    ]
    done = play(directory, {"small": {}, "large": {}}, plays)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    return directory


def settings(rendered: Path, name: str) -> dict[str, Any]:
    return _drill_config.read(str(rendered / name / "drill.yml"))


def test_without_settings_the_first_repository_of_the_node_is_drilled(rendered: Path) -> None:
    small = settings(rendered, "small")
    (source,) = small["sources"]
    assert source["repository"] == "ssh://root@192.0.2.10/var/backups/janus.borg"
    assert "/etc/janus-backup/ssh/drill" in source["ssh_command"]
    assert small["prefix"] == "node1-nightly"
    assert small["limits"] == {"memory": "", "cpus": 0.0, "pids": 8192}
    files = [key for key in small if key.endswith("_file") and key != "passphrase_file"]
    assert [small[key] for key in files] == [None, None, None]
    assert small["on_production"] is small["targets_fail"] is False


def test_every_source_is_reached_in_its_own_way(rendered: Path) -> None:
    node, disk, vault, other = settings(rendered, "large")["sources"]
    assert node["repository"] == "ssh://backup@192.0.2.10/b/r"
    assert (disk["repository"], disk["ssh_command"]) == ("/mnt/disk/r", None)
    assert disk["passphrase_file"] == "/p"
    assert (vault["repository"], vault["ssh_command"]) == ("ssh://b@h/./r", "ssh -4")
    assert other["ssh_command"] == node["ssh_command"]


def test_every_setting_reaches_the_drill(rendered: Path) -> None:
    large = settings(rendered, "large")
    assert large.keys() == settings(rendered, "small").keys()
    assert large["prefix"] == "node1-weekly"
    assert large["limits"] == {"memory": "1g", "cpus": 1.5, "pids": 0}
    assert (large["rto"], large["rpo"], large["max_age"]) == ("4h", "26h", "")
    assert large["on_production"] is large["targets_fail"] is True
    assert large["replacement_images"] == {"a:1": "b:1"}
    assert large["metrics_directory"] == "/metrics"
    unit = (rendered / "large/drill.service").read_text(encoding="utf-8")
    assert "ReadWritePaths=-/metrics" in unit


def test_no_secret_is_in_what_is_rendered(rendered: Path) -> None:
    files = [path for name in ("small", "large") for path in (rendered / name).iterdir()]
    assert len(files) == 2 * len(TEMPLATES)
    assert not [path for path in files if "Wd3-" in path.read_text(encoding="utf-8")]


def test_the_rules_ask_for_metrics_that_there_are(rendered: Path) -> None:
    path = rendered / "large/drill.rules.yml"
    (group,) = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    target = {"measured_seconds": 1.0, "target_seconds": 1, "missed": None}
    report = {
        "finished": "2026-11-23T03:00:00Z",
        "verdict": "proven",
        "wanted": {"services": []},
        "services": {},
        "rto": target,
        "rpo": target,
    }
    known = set(re.findall(r"^(\w+)", _drill_metrics.text([report], 1), re.MULTILINE))
    asked = {name for rule in group["rules"] for name in re.findall(r"janus_\w+", rule["expr"])}
    assert asked
    assert asked <= known
    assert all("$labels" in rule["annotations"]["summary"] for rule in group["rules"][:3])
    if promtool := shutil.which("promtool"):
        subprocess.run([promtool, "check", "rules", str(path)], check=True)
