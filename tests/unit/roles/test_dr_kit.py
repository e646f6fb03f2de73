# SPDX-License-Identifier: GPL-3.0-or-later
"""The runbook is rendered from the declaration, and every secret of it is looked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.janus.backup.plugins.module_utils import _dr_kit_print

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "roles/dr_kit"
BEGIN = "-----BEGIN OPENSSH PRIVATE KEY-----"
NODE: dict[str, Any] = {
    "janus_backup_services": [
        {"name": "one", "type": "postgresql", "container": "p", "password": "Wd3-service"},
        {"name": "two", "type": "redis", "container": "r"},
    ],
    "janus_backup_repositories": [
        {"path": "/var/backups/janus.borg", "label": "local"},
        {"path": "ssh://b@vault/./r", "label": "vault", "host_key": "ssh-ed25519 AAAA"},
    ],
    "janus_backup_passphrase": "Wd3-passphrase",
    "janus_backup_offsite": [
        {
            "name": "bucket",
            "type": "s3",
            "endpoint": "https://s3.example",
            "bucket": "backups",
            "access_key": "a",
            "secret_key": "Wd3-writer",
            "reader_access_key": "r",
            "reader_secret_key": "Wd3-reader",
        }
    ],
    "janus_backup_offsite_admin": {"bucket": {"access_key": "x", "secret_key": "Wd3-admin"}},
    "janus_backup_ssh_private_key": f"{BEGIN}\nWd3-ssh",
    "janus_backup_drill_signing_key": "Wd3-signing",
    "janus_backup_drill_healthchecks_url": "https://h.example/Wd3-check",
    "janus_backup_dr_kit_passphrase": "Wd3-kit",
}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory, play: Any) -> Path:
    """Return a directory with the runbook, and with the secrets that are looked for."""
    directory = tmp_path_factory.mktemp("rendering")
    (directory / "node.yml").write_text(yaml.safe_dump(NODE), encoding="utf-8")
    files = [str(ROLE / kind / "main.yml") for kind in ("defaults", "vars")]
    plays = [
        {
            "hosts": "all",
            "gather_facts": False,
            "vars": {
                "role_path": str(ROOT / "roles/declaration"),
                "nodes": {"node1": "{{ _dr_kit_declared }}"},
                "drills": ["drill1"],
                "dr_kit_vaulted": True,
            },
            "vars_files": [*files, "node.yml"],
            "roles": ["janus.backup.declaration"],
            "tasks": [
                {
                    "ansible.builtin.template": {
                        "src": str(ROLE / "templates/runbook.md.j2"),
                        "dest": "runbook.md",
                        "mode": "0600",
                    }
                },
                {
                    "ansible.builtin.copy": {
                        "content": "{{ _dr_kit_secrets | to_json }}",
                        "dest": "secrets.json",
                        "mode": "0600",
                    },
                    "no_log": True,
                },
            ],
        }
    ]
    done = play(directory, {"node1": {}}, plays)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    return directory


def no_log(options: dict[str, Any]) -> set[str]:
    """Return the names of the options, at any depth, that hold secrets."""
    found = {name for name, option in options.items() if option.get("no_log")}
    for option in options.values():
        found |= no_log(option.get("options", {}))
    return found


def test_every_secret_of_the_declaration_is_looked_for(rendered: Path) -> None:
    secrets = yaml.safe_load((rendered / "secrets.json").read_text(encoding="utf-8"))
    found = " ".join(secrets.values())
    planted = [
        "service",
        "passphrase",
        "writer",
        "reader",
        "admin",
        "ssh",
        "signing",
        "check",
        "kit",
    ]
    assert not [name for name in planted if f"Wd3-{name}" not in found]
    assert len(secrets) == len(planted)
    text = (ROLE / "vars/main.yml").read_text(encoding="utf-8")
    for path in ROOT.glob("roles/*/meta/argument_specs.yml"):
        specs = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]
        missing = {name for name in no_log(specs["main"].get("options", {})) if name not in text}
        assert not missing, f"{path}: add {missing} to _dr_kit_secrets"


def test_the_commands_are_those_of_the_declaration(rendered: Path) -> None:
    text = (rendered / "runbook.md").read_text(encoding="utf-8")
    commands = _dr_kit_print.commands(text)
    assert "Wd3-" not in text
    assert [command for command in commands if "target=node1" in command]
    imports = [command for command in commands if " key import " in command]
    assert [command.split("--repository ")[1].split()[0] for command in imports] == [
        "local",
        "vault",
    ]
    assert "(umask 077 && cat >.vault-password)" in commands
    assert "off-site target (bucket)" in text


def test_the_runbook_can_be_printed(rendered: Path) -> None:
    text = (rendered / "runbook.md").read_text(encoding="utf-8")
    _dr_kit_print.pdf(text, rendered / "runbook.pdf", "Runbook")
    assert (rendered / "runbook.pdf").stat().st_size > 2000
