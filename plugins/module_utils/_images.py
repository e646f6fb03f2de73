# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of a job's containers, each saved once, so that Borg stores them once."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _container
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import private_directory


def wanted(containers: list[str], references: list[str]) -> dict[str, str]:
    """Given containers and further images, return {file name: image id}.

    A container or an image that does not exist is passed over.
    """
    import docker

    found = set()
    for name in containers:
        # Its service's own dump says so, and the others go on.
        with contextlib.suppress(BackupError):
            found.add(_container.inspect(name, running=False)["Image"])
    for reference in references:
        with contextlib.suppress(docker.errors.ImageNotFound, BackupError):
            found.add(_container.client().images.get(reference).id)
    return {f"{image.removeprefix('sha256:')}.tar": image for image in found}


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


def ensure(image: dict[str, Any], images: Path) -> str:
    """Given an archived image record and the directory of archived images, return the image's id,
    loading it from the archive, or pulling it by digest, when the engine lacks it.

    One whose id the record does not know is any that has its reference. Raise BackupError if it
    cannot be had, or if what came is another image.
    """
    import docker

    engine = _container.client()
    name = image["id"] or image["reference"]
    archived = images / f"{name.removeprefix('sha256:')}.tar"
    try:
        return str(engine.images.get(name).id)
    except docker.errors.ImageNotFound:
        pass
    try:
        if archived.is_file():
            # the docker command, so that the image's bytes do not pass through this process
            subprocess.run(
                ["docker", "image", "load", "--quiet", "--input", str(archived)],
                check=True,
                capture_output=True,
            )
        else:
            engine.images.pull(*_pull_reference(image))
        return str(engine.images.get(name).id)
    except docker.errors.ImageNotFound as error:
        raise BackupError(f"image {image['reference']} is not the archived one") from error
    except subprocess.CalledProcessError as error:
        cause = error.stderr.decode(errors="replace").strip()
        raise BackupError(f"cannot load image {image['reference']}: {cause}") from error
    except docker.errors.APIError as error:
        raise BackupError(
            f"image {image['reference']} is neither on this host nor in the archive "
            f"and cannot be pulled: {error.explanation}"
        ) from error


def _pull_reference(image: dict[str, Any]) -> tuple[str, str | None]:
    reference = (image["repo_digests"] or [image["reference"]])[0]
    if "@" in reference:
        repository, _at, digest = reference.partition("@")
        return repository, digest
    return reference, None
