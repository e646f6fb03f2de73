# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of a kit on the controller: nothing secret in it is readable, all of it is summed up,
and it looks finished only when it is.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import IO, cast

from ansible_collections.janus.backup.plugins.module_utils import _exchange
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import (
    remove_tree,
    sha256,
    write_atomically,
)

SUMS = "SHA256SUMS"
VAULT = b"$ANSIBLE_VAULT;"
# In a checkout: what is no part of the collection, and inventories that are.
_MADE = {"build", "keys", "reports", "__pycache__", ".git", "molecule", "tests", "benchmarks"}
_INVENTORIES = {"demo", "example"}
# A shorter secret would be found everywhere.
_SHORTEST = 4


def plain_secrets(folder: Path, secrets: dict[str, str]) -> list[str]:
    """Given a folder and secrets by the name of their setting, return one sentence for each file
    in which one can be read. The secret itself is in none.
    """
    forms = {name: _forms(secret) for name, secret in secrets.items()}
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        found += [
            f"{path.relative_to(folder)} holds {name} in plain"
            for name, written in forms.items()
            if any(form in content for form in written)
        ]
    return found


def _forms(secret: str) -> list[bytes]:
    """Return how a secret may be written in YAML or JSON; of one of many lines the longest line."""
    line = max(secret.splitlines() or [""], key=len).strip()
    if len(line) < _SHORTEST:
        return []
    quoted = json.dumps(line)[1:-1]
    return [form.encode() for form in (line, quoted, line.replace("'", "''"))]


def vaulted(folder: Path) -> bool:
    """Given a folder, tell whether anything in it is encrypted by ansible-vault."""
    return any(VAULT in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def wheels(wheelhouse: Path, requirements: Path, target: Path) -> None:
    """Given a wheelhouse and the pins of what it has to hold, copy its wheels and the pins.

    Raise BackupError if the wheel of a pin is missing.
    """
    target.mkdir()
    pins = re.findall(r"^([\w.-]+)==(\S+)", requirements.read_text(encoding="utf-8"), re.MULTILINE)
    for name, version in pins:
        stem = re.sub(r"[-_.]+", "_", name).lower()
        found = [
            path
            for path in wheelhouse.glob("*.whl")
            if re.sub(r"[-_.]+", "_", path.name.split("-")[0]).lower() == stem
            and path.name.split("-")[1] == version
        ]
        if not found:
            raise BackupError(f"{wheelhouse} has no wheel of {name} {version}: `make wheelhouse`")
        for path in found:
            shutil.copy(path, target / path.name)
    shutil.copy(requirements, target.parent / "requirements.txt")


def tarball(collection: Path, target: Path, galaxy: Path) -> str:
    """Given the collection, a checkout or an installed copy, make its tarball in a directory.

    Return the tarball's name. Raise BackupError if it cannot be built.
    """
    target.mkdir()
    manifest = collection / "MANIFEST.json"
    if manifest.is_file():
        told = json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]
        name = f"{told['namespace']}-{told['name']}-{told['version']}.tar.gz"
        told = json.loads((collection / "FILES.json").read_text(encoding="utf-8"))
        (listed,) = (entries for entries in told.values() if isinstance(entries, list))
        with tarfile.open(target / name, "w:gz") as made:
            for member in ["MANIFEST.json", "FILES.json", *(each["name"] for each in listed)]:
                if member != ".":
                    made.add(collection / member, member, recursive=False)
        return name
    with tempfile.TemporaryDirectory(prefix="janus-collection-") as place:
        clean = Path(place) / "collection"
        shutil.copytree(collection, clean, ignore=_not_ours)
        command = [str(galaxy), "collection", "build", str(clean), "--output-path", str(target)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise BackupError(f"cannot build the collection: {' '.join(done.stderr.split())[-500:]}")
    (path,) = target.iterdir()
    return path.name


def _not_ours(directory: str, names: list[str]) -> set[str]:
    """Given a directory of a checkout, return what in it is not the collection's: what is made
    there, and the operator's own inventories, whose secrets nobody has looked for.
    """
    if Path(directory).name == "inventories":
        return set(names) - _INVENTORIES
    return {name for name in names if name in _MADE or name.startswith("dr-kit")}


def add_sums(folder: Path) -> None:
    """Given the folder, write the SHA-256 of every file in it, as sha256sum checks them, and leave
    all of it to its owner.
    """
    lines = []
    for path in sorted(folder.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
        if path.is_file() and path != folder / SUMS:
            lines.append(f"{sha256(path)}  {path.relative_to(folder)}\n")
    write_atomically(folder / SUMS, "".join(lines))


def encrypt(folder: Path, target: Path, passphrase: str) -> None:
    """Given the folder and a passphrase, write all of it as a tar file that gpg encrypts.

    The passphrase goes through a pipe. Raise BackupError if gpg fails; an older file stays then.
    """
    if not shutil.which("gpg"):
        raise BackupError("cannot encrypt the kit: gpg is not installed")
    temporary = target.with_name(f".{target.name}.new")
    command = ["gpg", "--batch", "--quiet", "--yes", "--pinentry-mode", "loopback", "--symmetric"]
    command += ["--cipher-algo", "AES256", "--compress-algo", "none", "--output", str(temporary)]
    reading, writing = os.pipe()
    os.write(writing, f"{passphrase}\n".encode())
    os.close(writing)
    with tempfile.TemporaryDirectory(prefix="janus-gpg-") as home:
        environment = {**os.environ, "GNUPGHOME": home, "LC_ALL": "C"}
        with subprocess.Popen(
            [*command, "--passphrase-fd", str(reading)],
            env=environment,
            pass_fds=[reading],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            os.close(reading)
            feed, said = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stderr)
            with contextlib.suppress(BrokenPipeError):  # gpg says why
                with tarfile.open(fileobj=feed, mode="w|") as made:
                    made.add(folder, target.name.split(".")[0])
                feed.close()
            words = said.read().decode(errors="replace")
        # The agent that gpg started would outlive its directory.
        end = ["gpgconf", "--kill", "all"]
        subprocess.run(end, env=environment, check=False, capture_output=True)
    if process.returncode != 0:
        temporary.unlink(missing_ok=True)
        raise BackupError(f"cannot encrypt the kit: gpg: {' '.join(words.split())}")
    os.replace(temporary, target)


def publish(new: Path, folder: Path) -> None:
    """Given a finished kit and its folder, have it there in one step; an older one goes."""
    if folder.exists():
        _exchange.exchange(new, folder)
        remove_tree(new)
    else:
        os.rename(new, folder)
