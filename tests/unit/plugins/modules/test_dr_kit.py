# SPDX-License-Identifier: GPL-3.0-or-later
"""A kit that is made holds all that its parts say, and one that cannot be made has no name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils import _dr_kit
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.modules import dr_kit

HELD: dict[str, Any] = {
    "configuration": "a" * 64,
    "rendered": {"/etc/janus-backup/jobs/nightly.yml": "job\n"},
    "keys": {"local": {"key": "BORG_KEY 00\nabc\n", "paper": "paper\n", "html": "<html>\n"}},
    "archives": {"/r": "node1-nightly-1"},
    "images": {"c": {"reference": "c:1", "id": "sha256:1", "repo_digests": []}},
    "packages": {"bash": "5.2"},
}


@pytest.fixture
def parameters(tmp_path: Path) -> dict[str, Any]:
    """What the role hands over, with a small collection of one wheel."""
    collection, wheelhouse, gathered = (tmp_path / name for name in ("c", "w", "kit.new"))
    for folder in (collection / "requirements", wheelhouse, gathered / ".nodes"):
        folder.mkdir(parents=True)
    (gathered / "inventory/1").mkdir(parents=True)
    (gathered / "inventory/1/vault.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n00\n", "utf-8")
    (gathered / "runbook.md").write_text("# R\n\n```sh\ntrue\n```\n", "utf-8")
    (gathered / ".nodes/node1.json").write_text(json.dumps(HELD), "utf-8")
    (collection / "requirements/node.txt").write_text("borgbackup==1.4.5\n", "utf-8")
    (wheelhouse / "borgbackup-1.4.5-py3-none-any.whl").touch()
    told = {"namespace": "janus", "name": "backup", "version": "0.1.0"}
    (collection / "MANIFEST.json").write_text(json.dumps({"collection_info": told}), "utf-8")
    (collection / "FILES.json").write_text(json.dumps({"files": [{"name": "."}]}), "utf-8")
    return {
        "gathered": str(gathered),
        "collection": str(collection),
        "wheelhouse": str(wheelhouse),
        "version": "0.1.0",
        "inventories": ["inventory/1"],
    }


def test_all_that_was_gathered_is_in_the_kit_and_summed_up(parameters: dict[str, Any]) -> None:
    noted = dr_kit.make(parameters)
    kit = Path(parameters["gathered"])
    found = {str(path.relative_to(kit)) for path in kit.rglob("*") if path.is_file()}
    assert found == {
        "SHA256SUMS",
        "ansible.cfg",
        "collection/janus-backup-0.1.0.tar.gz",
        "inventory/1/vault.yml",
        *(f"keys/node1/local{suffix}" for suffix in ("", ".html", ".paper", ".png")),
        "kit.json",
        "kit.yml",
        "nodes/node1/etc/janus-backup/jobs/nightly.yml",
        "nodes/node1/images.json",
        "nodes/node1/packages.txt",
        "requirements.txt",
        "runbook.md",
        "runbook.pdf",
        "wheelhouse/borgbackup-1.4.5-py3-none-any.whl",
    }
    summed = (kit / "SHA256SUMS").read_text("utf-8").splitlines()
    assert {line.split("  ")[1] for line in summed} == found - {"SHA256SUMS"}
    assert _dr_kit.read(kit / "kit.json") == noted
    run = {"node": "node1", "started": "2999-01-01T00:00:00Z", "configuration": "a" * 64}
    assert _dr_kit.warnings(noted, HELD["keys"]["local"]["key"], run) == []
    assert "vault_password_file = .vault-password" in (kit / "ansible.cfg").read_text("utf-8")


def test_a_kit_that_would_lack_something_is_not_made(parameters: dict[str, Any]) -> None:
    next(Path(parameters["wheelhouse"]).iterdir()).unlink()
    with pytest.raises(BackupError, match=r"no wheel of borgbackup 1\.4\.5"):
        dr_kit.make(parameters)
    kit = Path(parameters["gathered"])
    assert not [path for path in (kit / "kit.json", kit / "SHA256SUMS") if path.exists()]
