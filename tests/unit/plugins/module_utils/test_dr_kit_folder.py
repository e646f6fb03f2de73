# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of a kit: no secret can be read in it, and what is changed or missing shows."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from ansible_collections.janus.backup.plugins.module_utils import _dr_kit_folder
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

ROOT = Path(__file__).resolve().parents[4]
SECRET = 'Wd3-it\'s "so"'
KEY = "-----BEGIN-----\nc2VjcmV0IG9mIGEgbG9uZyBsaW5l\n-----END-----"


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    folder = tmp_path / "kit"
    (folder / "inventory").mkdir(parents=True)
    (folder / "inventory/hosts.yml").write_text("all:\n", encoding="utf-8")
    return folder


def test_an_inventory_without_secrets_is_let_in(kit: Path) -> None:
    assert _dr_kit_folder.plain_secrets(kit, {"passphrase": SECRET, "key": KEY, "short": "a"}) == []


@pytest.mark.parametrize(
    "line",
    [
        f"p: {SECRET}",
        "p: 'Wd3-it''s \"so\"'",
        'p: "Wd3-it\'s \\"so\\""',
        "k: |\n  -----BEGIN-----\n  c2VjcmV0IG9mIGEgbG9uZyBsaW5l\n",
    ],
)
def test_a_secret_in_plain_is_named_and_not_told(kit: Path, line: str) -> None:
    (kit / "inventory/all.yml").write_text(line, encoding="utf-8")
    found = _dr_kit_folder.plain_secrets(kit, {"passphrase": SECRET, "key": KEY})
    assert len(found) == 1
    assert found[0].startswith("inventory/all.yml holds ")
    assert "Wd3" not in found[0]


def test_what_the_vault_encrypted_is_not_plain(kit: Path) -> None:
    password = kit.parent / "password"
    password.write_text("vault\n", encoding="utf-8")
    file = kit / "inventory/vault.yml"
    file.write_text(f"p: {SECRET}\n", encoding="utf-8")
    assert not _dr_kit_folder.vaulted(kit)
    tool = Path(sys.executable).with_name("ansible-vault")
    command = [str(tool), "encrypt", f"--vault-password-file={password}", str(file)]
    subprocess.run(command, check=True, capture_output=True)
    assert _dr_kit_folder.plain_secrets(kit, {"passphrase": SECRET}) == []
    assert _dr_kit_folder.vaulted(kit)


def test_the_sums_show_a_changed_and_a_missing_file(kit: Path) -> None:
    _dr_kit_folder.add_sums(kit)
    check = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
    assert subprocess.run(check, cwd=kit, check=False).returncode == 0
    assert {path.stat().st_mode & 0o077 for path in kit.rglob("*")} == {0}
    with (kit / "inventory/hosts.yml").open("a", encoding="utf-8") as stream:
        stream.write(" ")
    done = subprocess.run(check, cwd=kit, check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "inventory/hosts.yml: FAILED" in done.stdout
    (kit / "inventory/hosts.yml").unlink()
    assert subprocess.run(check, cwd=kit, check=False, capture_output=True).returncode != 0


def test_a_wheelhouse_without_a_wheel_is_refused(kit: Path, tmp_path: Path) -> None:
    wheelhouse = tmp_path / "wheelhouse"
    wheelhouse.mkdir()
    pins = tmp_path / "node.txt"
    pins.write_text("# pins\nruamel.yaml==0.19.1\nPyYAML==6.0.3\n", encoding="utf-8")
    (wheelhouse / "ruamel_yaml-0.19.1-py3-none-any.whl").touch()
    (wheelhouse / "pyyaml-6.0.2-py3-none-any.whl").touch()
    with pytest.raises(BackupError, match=r"has no wheel of PyYAML 6\.0\.3"):
        _dr_kit_folder.wheels(wheelhouse, pins, kit / "one")
    (wheelhouse / "pyyaml-6.0.3-py3-none-any.whl").touch()
    _dr_kit_folder.wheels(wheelhouse, pins, kit / "two")
    assert len(list((kit / "two").iterdir())) == 2
    assert (kit / "requirements.txt").is_file()


def test_a_kit_replaces_another_in_one_step(kit: Path, tmp_path: Path) -> None:
    place = tmp_path / "dr-kit"
    _dr_kit_folder.publish(kit, place)
    newer = tmp_path / "newer"
    newer.mkdir()
    _dr_kit_folder.publish(newer, place)
    assert list(place.iterdir()) == []
    assert not newer.exists()


def test_the_encrypted_archive_opens_with_its_passphrase_only(
    kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "dr-kit.tar.gpg"
    _dr_kit_folder.encrypt(kit, archive, "Wd3 kit")
    assert b"hosts.yml" not in archive.read_bytes()
    (tmp_path / "gpg").mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(tmp_path / "gpg"))
    command = ["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback"]
    command += ["--passphrase-fd", "0", "--output", str(tmp_path / "kit.tar"), "-d", str(archive)]
    for said, right in (("wrong", False), ("Wd3 kit", True)):
        done = subprocess.run(command, input=said.encode(), capture_output=True, check=False)
        assert (done.returncode == 0) == right
    subprocess.run(["gpgconf", "--kill", "all"], check=True, env=dict(os.environ))
    with tarfile.open(tmp_path / "kit.tar") as opened:
        assert "dr-kit/inventory/hosts.yml" in opened.getnames()
    assert [path.name for path in tmp_path.glob(".dr-kit*")] == []


def test_an_archive_that_cannot_be_encrypted_leaves_the_one_before(
    kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "dr-kit.tar.gpg"
    archive.write_text("before", encoding="utf-8")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupError, match="gpg is not installed"):
        _dr_kit_folder.encrypt(kit, archive, "secret")
    (tmp_path / "gpg").write_text("#!/bin/sh\necho no entropy >&2; exit 2\n", encoding="utf-8")
    (tmp_path / "gpg").chmod(0o755)
    (tmp_path / "gpgconf").symlink_to("gpg")
    with pytest.raises(BackupError, match="gpg: no entropy"):
        _dr_kit_folder.encrypt(kit, archive, "secret")
    assert archive.read_text(encoding="utf-8") == "before"


def test_the_tarball_holds_the_collection_and_no_inventory_of_the_operator(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for name in ("plugins/a.py", "inventories/demo/h", "inventories/production/h", "keys/n/l"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).touch()
    for name in ("galaxy.yml", "README.md", "CHANGELOG.md"):
        (checkout / name).write_text((ROOT / name).read_text("utf-8"), "utf-8")
    galaxy = Path(sys.executable).with_name("ansible-galaxy")
    name = _dr_kit_folder.tarball(checkout, tmp_path / "built", galaxy)
    with tarfile.open(tmp_path / "built" / name) as made:
        names = made.getnames()
    (tmp_path / "installed").mkdir()
    subprocess.run(
        ["tar", "-xf", tmp_path / "built" / name, "-C", tmp_path / "installed"], check=True
    )
    assert {"plugins/a.py", "inventories/demo/h", "MANIFEST.json"} <= set(names)
    assert not [each for each in names if "production" in each or "keys" in each]
    # An installed copy gives the same tarball again, and no more.
    (tmp_path / "installed/inventories/production").mkdir()
    (tmp_path / "installed/inventories/production/h").touch()
    again = _dr_kit_folder.tarball(tmp_path / "installed", tmp_path / "again", galaxy)
    with tarfile.open(tmp_path / "again" / again) as made:
        assert sorted(each for each in made.getnames() if "." in each) == sorted(
            each for each in names if "." in each
        )
        assert "inventories/production/h" not in made.getnames()
