# SPDX-License-Identifier: GPL-3.0-or-later
"""Make an archive with one planted fault out of the latest one; runs on the node.

    python - FAULT [ARGUMENT…] < plant.py

Each fault is what a drill must find although everything else about the archive is in order:
`replace TEXT OTHER` changes a text in a dumped file and records the new sha256, so that only the
data checksums can tell; `forge ARCHIVE` gives the dumps the data checksums of another archive;
`flip` damages one byte of an artefact; `omit TABLE` dumps without a table; `edit` changes the
manifest; `older SERVICE VERSION` says that a service had another image, with an older version;
`nothing` only makes an archive that retention does not know. Prints the archive's name.
"""

from __future__ import annotations

import datetime
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _borg, _job, _manifest

JOB = _job.read("/etc/janus-backup/jobs/nightly.yml")
REPOSITORY = JOB["repositories"][0]["path"]


def replace(staging: Path, manifest: dict[str, Any], text: str, other: str) -> None:
    """Change the first occurrence of a text in any dumped file to another of the same length."""
    for path in sorted([*staging.rglob("[0-9]*.dat"), *staging.rglob("*.tar")]):
        content = path.read_bytes()
        if text.encode() in content:
            path.write_bytes(content.replace(text.encode(), other.encode(), 1))
            return
    sys.exit(f"no dumped file holds {text}")


def forge(staging: Path, manifest: dict[str, Any], archive: str) -> None:
    """Have every service's record promise the data of another archive."""
    inside = f"staging/{JOB['name']}/{_manifest.NAME}"
    with tempfile.TemporaryDirectory() as directory:
        access = _job.borg_access(JOB)
        _borg.run(access, ["extract", f"{REPOSITORY}::{archive}", inside], Path(directory))
        other = _manifest.read(Path(directory, inside).parent)
    for name, record in manifest["services"].items():
        record["checksums"] = other["services"][name]["checksums"]


def nothing(staging: Path, manifest: dict[str, Any]) -> None:
    """Leave everything as it is."""


def flip(staging: Path, manifest: dict[str, Any]) -> None:
    """Flip one bit in the middle of the largest artefact, and leave its recorded sha256."""
    largest = max(staging.rglob("*.dat"), key=lambda path: path.stat().st_size)
    with largest.open("r+b") as stream:
        stream.seek(largest.stat().st_size // 2)
        byte = stream.read(1)
        stream.seek(-1, 1)
        stream.write(bytes([byte[0] ^ 1]))


def omit(staging: Path, manifest: dict[str, Any], database: str, table: str) -> None:
    """Dump a database again, without one table, in place of its whole dump."""
    (target,) = (staging / "postgresql/databases").glob(database)
    subprocess.run(["rm", "-rf", str(target)], check=True)
    inside = ["docker", "exec", "janus-postgresql"]
    dump = ["pg_dump", "--username=janus", "--format=directory", "--compress=0", "--file=/tmp/dump"]
    subprocess.run([*inside, "rm", "-rf", "/tmp/dump"], check=True)
    subprocess.run([*inside, *dump, f"--exclude-table={table}", database], check=True)
    copy = ["docker", "cp", "janus-postgresql:/tmp/dump", str(target)]
    subprocess.run(copy, check=True, stdout=subprocess.DEVNULL)


def edit(staging: Path, manifest: dict[str, Any]) -> None:
    """Change a number in the manifest without sealing it again."""
    path = staging / _manifest.NAME
    path.write_text(path.read_text(encoding="utf-8").replace('"rows":', '"rows":1', 1))


def older(staging: Path, manifest: dict[str, Any], service: str, version: str) -> None:
    """Say that a service had another image and an older version."""
    record = manifest["services"][service]
    record["tools"]["server"] = version
    record["container"]["image"]["id"] = "sha256:another"


def main() -> None:
    """Plant the fault named on the command line."""
    fault, *arguments = sys.argv[1:]
    access = _job.borg_access(JOB)
    complete = f"{JOB['archive_prefix']}-[0-9][0-9][0-9][0-9]-*"
    archive = _borg.archives(access, REPOSITORY, complete)[-1]["name"]
    with tempfile.TemporaryDirectory(dir="/var/lib/janus-backup") as directory:
        root = Path(directory)
        _borg.run(access, ["extract", f"{REPOSITORY}::{archive}"], root)
        staging = root / "staging" / JOB["name"]
        manifest = _manifest.read(staging)
        globals()[fault](staging, manifest, *arguments)
        if fault in ("replace", "omit"):
            for name, record in manifest["services"].items():
                if record["status"] == "dumped":
                    record["artefacts"] = _manifest.artefacts(staging / name, staging)
        if fault in ("replace", "omit", "forge", "older"):
            _manifest.seal(staging / _manifest.NAME, manifest)
        moment = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S%f")
        planted = f"planted-{fault}-{moment}"
        _borg.run(access, ["create", f"{REPOSITORY}::{planted}", "staging", *images(root)], root)
    print(planted)


def images(root: Path) -> list[str]:
    """Return the directory of images, if the archive has one."""
    return ["images"] if (root / "images").is_dir() else []


if __name__ == "__main__":
    main()
