# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One archive of a repository: choose it, extract it. The repository is only read."""

from __future__ import annotations

import os
import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _borg, _manifest
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import private_directory

CHOICES = ("latest", "random", "oldest")
_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:?\d\d)?)?")


def access(parameters: dict[str, Any]) -> dict[str, Any]:
    """Given repository, passphrase_file, base_directory and rsh, return how to only read it.

    A local repository that cannot be written, such as one on a disk that is mounted read-only, has
    no lock: it is read without one. Raise BackupError if there is no local repository.
    """
    found = {key: parameters[key] for key in ("passphrase_file", "base_directory")}
    found["rsh"] = parameters.get("rsh")
    path = Path(parameters["repository"])
    if path.is_absolute():
        if not (path / "config").is_file():
            raise BackupError(f"there is no repository in {path}: is its disk mounted?")
        found["bypass_lock"] = not os.access(path, os.W_OK)
    return found


def choose(reach: dict[str, Any], repository: str, wanted: str, prefix: str) -> dict[str, Any]:
    """Given how to reach a repository and what is wanted of it (latest, random, oldest, a time, or
    a name), return the archive as {name, id, start (naive UTC), newest}.

    newest is the newest complete archive, {name, start}, or None. All but a name choose among
    complete archives only, never among partial ones. Raise BackupError if there is none.
    """
    complete = f"{prefix}-[0-9][0-9][0-9][0-9]-*"
    found = _borg.archives(reach, repository, complete)
    newest = {key: found[-1][key] for key in ("name", "start")} if found else None
    if _TIME.fullmatch(wanted):
        found = [entry for entry in found if _start(entry) <= moment(wanted)]
    elif wanted not in CHOICES:
        complete = wanted
        found = _borg.archives(reach, repository, wanted)
    if not found:
        limit = f" that was begun by {wanted}" if _TIME.fullmatch(wanted) else ""
        raise BackupError(f"{repository} holds no archive {complete}{limit}")
    archive = {"random": random.choice(found), "oldest": found[0]}.get(wanted, found[-1])
    return {**{key: archive[key] for key in ("name", "id", "start")}, "newest": newest}


def moment(text: str) -> datetime:
    """Given a time in ISO 8601, return it. Without an offset it is UTC; a date stands for its
    end. Raise BackupError if there is no such time.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise BackupError(f"{text} is no time: {error}") from error
    if len(text) == len("2026-11-23"):
        found += timedelta(days=1, microseconds=-1)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _start(entry: dict[str, Any]) -> datetime:
    """Return when an archive was begun: as its name tells, for people go by that, else by Borg,
    which begins a moment later.
    """
    named = _TIME.search(entry["name"])
    text = named[0] if named and named.end() == len(entry["name"]) else entry["start"]
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def extract(
    reach: dict[str, Any],
    repository: str,
    archive: str,
    path: Path,
    services: list[str] | None = None,
) -> Path:
    """Given an archive and an empty directory, extract it there, all of it or its manifest and what
    it has of some services. Return where the manifest is.

    Raise BackupError if it cannot be extracted or holds no manifest, or more than one.
    """
    private_directory(path)
    if any(path.iterdir()):
        raise BackupError(f"refusing to extract into {path}: it is not empty")
    wanted = [f"sh:staging/*/{name}" for name in (_manifest.NAME, *services)] if services else []
    _borg.run(reach, ["extract", f"{repository}::{archive}", *wanted], directory=path)
    manifests = list(path.glob(f"staging/*/{_manifest.NAME}"))
    if len(manifests) != 1:
        raise BackupError(f"archive {archive} holds {len(manifests)} manifests instead of one")
    return manifests[0].parent
