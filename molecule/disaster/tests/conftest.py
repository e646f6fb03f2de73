# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's own inventory, encrypted as it should be, and the kit that is made of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from _testbed.kits import ARCHIVE_PASSWORD, VAULT_PASSWORD

ROOT = Path(__file__).resolve().parents[3]
BED = ROOT / "build/beds" / os.environ["MOLECULE_SCENARIO_NAME"]
DECLARED = yaml.safe_load((ROOT / "inventories/demo/group_vars/all.yml").read_text("utf-8"))
OWN = ROOT / "molecule/disaster/inventory/group_vars/all.yml"
SECRETS = (
    DECLARED["janus_backup_passphrase"],
    *DECLARED["stack_passwords"].values(),
    ARCHIVE_PASSWORD,
    VAULT_PASSWORD,
)
SERVICES = ("postgresql", "redis")


@pytest.fixture(scope="session")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An inventory that declares what the scenario's does, with its secrets in a vault."""
    folder = tmp_path_factory.mktemp("operator") / "production"
    group = folder / "group_vars/all"
    group.mkdir(parents=True)
    (folder / "hosts.yml").write_text((BED / "inventory.yml").read_text("utf-8"), "utf-8")
    groups = {"janus": {"hosts": {"janus1": None}}, "drill": {"hosts": {"drill1": None}}}
    (folder / "groups.yml").write_text(yaml.safe_dump(groups), "utf-8")
    services = [each for each in DECLARED["stack_services"] if each["name"] in SERVICES]
    declaration = {
        **yaml.safe_load(OWN.read_text("utf-8")),
        "janus_backup_services": [
            {**each, "password": f"{{{{ vault_{each['name']} }}}}"} for each in services
        ],
        "janus_backup_jobs": DECLARED["janus_backup_jobs"],
        "janus_backup_images": True,
        "janus_backup_passphrase": "{{ vault_passphrase }}",
        "janus_backup_keys": str(BED / "keys"),
        "janus_backup_wheelhouse": str(ROOT / "build/wheelhouse"),
        "janus_backup_dr_kit": str(BED / "dr-kit"),
        "janus_backup_dr_kit_passphrase": "{{ vault_kit }}",
    }
    (group / "declaration.yml").write_text(yaml.safe_dump(declaration), "utf-8")
    secrets = {f"vault_{name}": DECLARED["stack_passwords"][name] for name in SERVICES}
    secrets["vault_kit"] = ARCHIVE_PASSWORD
    secrets["vault_passphrase"] = DECLARED["janus_backup_passphrase"]
    (group / "vault.yml").write_text(yaml.safe_dump(secrets), "utf-8")
    (folder.parent / "password").write_text(f"{VAULT_PASSWORD}\n", "utf-8")
    vault = ["ansible-vault", "encrypt", "--vault-password-file", str(folder.parent / "password")]
    subprocess.run([*vault, str(group / "vault.yml")], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def make_kit(operator: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that makes the kit as the operator does."""

    def make(**variables: str) -> subprocess.CompletedProcess[str]:
        command = ["ansible-playbook", "janus.backup.dr_kit", "--inventory", str(operator)]
        command += ["--vault-password-file", str(operator.parent / "password"), "-vvv", "--diff"]
        for name, value in variables.items():
            command += ["--extra-vars", f"{name}={value}"]
        environment = {**os.environ, "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        keys = [path.read_text("utf-8").split()[2] for path in (BED / "keys/janus1").iterdir()]
        told = done.stdout + done.stderr
        assert not [secret for secret in [*SECRETS, *keys] if secret in told]
        return done

    return make
