# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker Engine inside a host, and how it comes by its images without a registry.

Loading images into a fresh engine takes longer than all else, so it is done once for each set of
images: a seed volume keeps the result, and a new host starts with a copy of it.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence

from . import images
from .command import TestbedError, attempt, locked, output, step, wait_until

# Not the loader's networks: their addresses were free where it ran, and need not be elsewhere.
COPY = "cp -a /from/. /to/ && rm -rf /to/seeded /to/network"


def answers(name: str) -> bool:
    """Tell whether the engine inside the container answers."""
    return attempt("docker", "exec", name, "docker", "version").returncode == 0


def fill(volume: str, names: Sequence[str], run_flags: Sequence[str]) -> None:
    """Fill an empty volume for /var/lib/docker with the named images."""
    if names:
        with locked("seed"):
            seed = _seed(names, run_flags)
            # Overlay directories are marked by attributes that only a privileged copy keeps.
            output(
                *("docker", "run", "--rm", "--network", "none", "--cap-add", "SYS_ADMIN"),
                *("--volume", f"{seed}:/from:ro", "--volume", f"{volume}:/to"),
                *("--entrypoint", "/bin/sh", images.reference("base"), "-c", COPY),
            )


def add_missing(name: str, names: Sequence[str]) -> None:
    """Load into the engine inside the container those of the named images that it lacks."""
    listing = ("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}")
    held = output("docker", "exec", name, *listing).split()
    missing = [image for image in map(images.reference, names) if image not in held]
    if missing:
        with step(f"{name}: loaded {' '.join(missing)}"):
            _load(name, missing)


def _seed(names: Sequence[str], run_flags: Sequence[str]) -> str:
    """Return the volume that holds the named images as they are now; make it where missing."""
    wanted = ",".join(f"{name}={images.identifier(name)}" for name in names)
    seed = f"janus-seed-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}"
    mark = f"janus.seed={','.join(names)}"
    if _is_filled(seed):
        return seed
    # Of the same set an older seed is of no more use.
    for old in output("docker", "volume", "ls", "-q", "--filter", f"label={mark}").split():
        attempt("docker", "rm", "--force", f"{old}-loader")
        attempt("docker", "volume", "rm", old)
    with step(f"seed {' '.join(names)}: loaded"):
        output("docker", "volume", "create", "--label", mark, seed)
        output(
            *("docker", "run", "--detach", "--rm", "--name", f"{seed}-loader", *run_flags),
            *("--volume", f"{seed}:/var/lib/docker", images.reference("host")),
        )
        try:
            wait_until("Docker of the loader", lambda: answers(f"{seed}-loader"))
            _load(f"{seed}-loader", [images.reference(name) for name in names])
            output(
                "docker", "exec", f"{seed}-loader", "systemctl", "stop", "docker.socket", "docker"
            )
            # An interrupted run leaves a seed without this mark, which nobody then uses.
            output("docker", "exec", f"{seed}-loader", "touch", "/var/lib/docker/seeded")
        finally:
            attempt("docker", "rm", "--force", f"{seed}-loader")
    return seed


def _is_filled(seed: str) -> bool:
    """Tell whether the seed exists and was filled to the end."""
    if attempt("docker", "volume", "inspect", seed).returncode != 0:
        return False
    look = ("docker", "run", "--rm", "--network", "none", "--volume", f"{seed}:/from:ro")
    return attempt(*look, images.reference("base"), "test", "-e", "/from/seeded").returncode == 0


def _load(name: str, references: Sequence[str]) -> None:
    """Stream images from the machine's engine into the one inside the container."""
    with subprocess.Popen(["docker", "save", *references], stdout=subprocess.PIPE) as source:
        sink = subprocess.run(
            ["docker", "exec", "-i", name, "docker", "load"],
            stdin=source.stdout,
            capture_output=True,
            text=True,
            check=False,
        )
    if sink.returncode != 0 or source.returncode != 0:
        raise TestbedError(f"{name}: images not loaded: {sink.stderr.strip()}")
