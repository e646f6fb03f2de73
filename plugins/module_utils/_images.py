# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of a job's containers, each saved once, so that Borg stores them once."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ansible_collections.janus.backup.plugins.module_utils import _container
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import private_directory


def wanted(containers: list[str]) -> dict[str, str]:
    """Given containers, return {file name: image id}; one that does not exist wants no image."""
    files = {}
    for name in containers:
        try:
            image = _container.inspect(name, running=False)["Image"]
        except BackupError:
            continue  # its service's own dump says so, and the others go on
        files[f"{image.removeprefix('sha256:')}.tar"] = image
    return files


def differences(directory: Path, files: dict[str, str]) -> tuple[list[str], list[str]]:
    """Given where images are kept and those wanted, return the missing and the superfluous files.

    A superfluous one is also what an interrupted save left behind.
    """
    present = {path.name for path in directory.iterdir()} if directory.is_dir() else set()
    return sorted(files.keys() - present), sorted(present - files.keys())


def keep(directory: Path, files: dict[str, str]) -> None:
    """Given where images are kept and those wanted, save the missing and delete the others.

    Raise BackupError if Docker cannot save one; nothing half-saved has a finished name.
    """
    private_directory(directory)
    missing, superfluous = differences(directory, files)
    for name in superfluous:
        (directory / name).unlink()
    for name in missing:
        temporary = directory / f".{name}.partial"
        done = subprocess.run(
            ["docker", "image", "save", "--output", str(temporary), files[name]],
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            temporary.unlink(missing_ok=True)
            cause = done.stderr.decode(errors="replace").strip()
            raise BackupError(f"cannot save image {files[name]}: {cause}")
        temporary.chmod(0o600)
        temporary.rename(directory / name)
