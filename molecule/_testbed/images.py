# SPDX-License-Identifier: GPL-3.0-or-later
"""Building the images of the test bed, each from its folder under molecule/images."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from .command import BUILD, PROJECT, TestbedError, attempt, locked, output, run_long, say

FOLDER = PROJECT / "molecule" / "images"
PREFIX = "janus-test/"
HASH_LABEL = "janus.test.hash"
PARENT = re.compile(rf"^\s*(?:FROM\s+|COPY\s+--from=){PREFIX}([a-z0-9-]+)", re.I | re.M)


def known() -> list[str]:
    """Return the name of every image that has a folder with a Dockerfile."""
    return sorted(path.parent.name for path in FOLDER.glob("*/Dockerfile"))


def reference(name: str) -> str:
    """Return the reference under which the image is kept by the engine."""
    return f"{PREFIX}{name}:latest"


def identifier(name: str) -> str:
    """Return the engine's id of an image that has been built."""
    return output("docker", "image", "inspect", "--format", "{{.Id}}", reference(name))


def ensure(names: Iterable[str]) -> None:
    """Build the named images, and before each the images it is built from, where out of date."""
    with locked("images"):
        for name in _in_order(names):
            replacement = os.environ.get("JANUS_IMAGE_" + name.upper().replace("-", "_"))
            if replacement:
                _take(name, replacement)
            elif _label(name) == content_hash(name):
                say(f"image {name}: up to date")
            else:
                _build(name)


def parents(name: str) -> list[str]:
    """Return the images of the test bed that the image's Dockerfile names."""
    dockerfile = FOLDER / name / "Dockerfile"
    if not dockerfile.is_file():
        raise TestbedError(f"image {name}: no {dockerfile.relative_to(PROJECT)}")
    return sorted(set(PARENT.findall(dockerfile.read_text(encoding="utf-8"))))


@functools.cache
def content_hash(name: str) -> str:
    """Return a hash of all that decides how the image turns out: its folder and its parents."""
    digest = hashlib.sha256()
    for parent in parents(name):
        digest.update(content_hash(parent).encode())
    for path in sorted((FOLDER / name).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            executable = os.access(path, os.X_OK)
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{path.relative_to(FOLDER)} {executable} {content}\n".encode())
    return digest.hexdigest()


def _in_order(names: Iterable[str]) -> list[str]:
    """Return the names and their parents, each parent before the images built from it."""
    result: list[str] = []
    for name in names:
        # A replacement needs no parents: a registry has already built it.
        replaced = "JANUS_IMAGE_" + name.upper().replace("-", "_") in os.environ
        ancestry = [] if replaced else _in_order(parents(name))
        result += [each for each in (*ancestry, name) if each not in result]
    return result


def _label(name: str) -> str | None:
    """Return the content hash that the image was built with, None without such an image."""
    template = f'{{{{index .Config.Labels "{HASH_LABEL}"}}}}'
    found = attempt("docker", "image", "inspect", "--format", template, reference(name))
    return found.stdout.strip() if found.returncode == 0 else None


def _take(name: str, replacement: str) -> None:
    """Use an image that exists elsewhere under the name of ours."""
    if attempt("docker", "image", "inspect", replacement).returncode != 0:
        run_long(f"pull {name}", ["docker", "pull", replacement])
    output("docker", "tag", replacement, reference(name))
    say(f"image {name}: {replacement}")


def _build(name: str) -> None:
    """Fetch what the image needs from the registries, then build it in place of an older one."""
    older = attempt(
        "docker", "image", "inspect", "--format", "{{.Id}}", reference(name)
    ).stdout.strip()
    context = _context(name, _fetch(name))
    try:
        run_long(
            f"image {name}",
            [
                *("docker", "build", "--force-rm", "--tag", reference(name)),
                *("--label", f"{HASH_LABEL}={content_hash(name)}", str(context)),
            ],
            # The classic builder is all that Debian 12 has; elsewhere it must not differ.
            {**os.environ, "DOCKER_BUILDKIT": "0"},
        )
    finally:
        shutil.rmtree(context)
    tags = attempt("docker", "image", "inspect", "--format", "{{len .RepoTags}}", older)
    if tags.stdout.strip() == "0":
        # Refused, and rightly, where a container still runs it.
        attempt("docker", "image", "rm", older)


def _fetch(name: str) -> Path | None:
    """Run the image's own `fetch` on this machine, whose package clients know their registries."""
    script = FOLDER / name / "fetch"
    if not script.is_file():
        return None
    target = BUILD / "cache" / name
    target.mkdir(parents=True, exist_ok=True)
    run_long(f"fetch {name}", [str(script), str(target)])
    return target


def _context(name: str, fetched: Path | None) -> Path:
    """Return a build context: the image's folder, and what was fetched for it as `fetched`."""
    context = BUILD / "context" / name
    shutil.rmtree(context, ignore_errors=True)
    shutil.copytree(FOLDER / name, context, symlinks=True)
    if fetched:
        # Hard links: the cache is large, and in the same folder.
        shutil.copytree(fetched, context / "fetched", symlinks=True, copy_function=os.link)
    return context
