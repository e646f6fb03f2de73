# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest: written last, atomically, and never edited afterwards.

Each service's dump leaves a record, <staging>/<service>/record.json; the manifest gathers the
records of a run and carries a checksum of itself. docs/manifest.md describes the format.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from ansible_collections.janus.backup.plugins.module_utils import _in_place, _rebuild_spec
from ansible_collections.janus.backup.plugins.module_utils._checksum import canonical, digest
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import sha256, write_atomically

FORMAT_VERSION = 1
NAME = "manifest.json"
RECORD = "record.json"
_Path = TypeVar("_Path", str, Path)
_Result = TypeVar("_Result")
_HASHES_AT_ONCE = 2  # hashing leaves the interpreter alone; 2 GB take a second less on two cores
# Which services it needs, and the user's own checks: the drill has no inventory to ask.
_FOR_THE_DRILL = ("after", "checks")


def artefacts(directory: Path, root: Path) -> list[dict[str, Any]]:
    """Given a service's finished directory and the staging root, describe every file in it.

    Return a list of {path (relative to the root), size (bytes), sha256}, sorted by path. Raise
    BackupError if something other than files and directories is there.
    """
    files = []
    for path in sorted(directory.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise BackupError(f"refusing {path}: neither a file nor a directory")
        if path.is_file() and path != directory / RECORD:
            files.append(path)
    sizes = {path: path.stat().st_size for path in files}
    digests = _hashed(sha256, sizes)
    return [
        {"path": str(path.relative_to(root)), "size": sizes[path], "sha256": digests[path]}
        for path in files
    ]


def write(
    staging: Path,
    run: dict[str, Any],
    tools: dict[str, str],
    failures: dict[str, str],
    expected: list[str],
    declared: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Given a run and the names of its services, write the manifest of what succeeded, and before
    it the list of what Borg is to archive in place.

    declared are the services as the job has them: what a drill has to know of each goes along.
    failures maps a service's name to its sentence. A service without a record has failed whatever
    is said of it. The run's status becomes complete or partial. Raise BackupError if no service
    succeeded.
    """
    services: dict[str, Any] = {}
    told = {entry["name"]: entry for entry in declared or []}
    for name in expected:
        record = staging / name / RECORD
        if name in failures or not record.is_file():
            reason = failures.get(name, "the dump ended without a record")
            services[name] = {"status": "failed", "error": reason}
        else:
            services[name] = json.loads(record.read_text(encoding="utf-8"))
        known = told.get(name, {})
        services[name] |= {key: known[key] for key in _FOR_THE_DRILL if key in known}
        if known.get("rebuild") and services[name]["status"] == "dumped":
            services[name]["rebuild"] = _rebuild_spec.describe(known)
    if not any(service["status"] == "dumped" for service in services.values()):
        sentences = "; ".join(f"{name}: {service['error']}" for name, service in services.items())
        raise BackupError(f"nothing was dumped, so there is nothing to archive: {sentences}")
    write_atomically(staging / _in_place.ROOTS, _in_place.patterns(services))
    complete = all(service["status"] == "dumped" for service in services.values())
    manifest: dict[str, Any] = {
        "format": "janus.backup manifest",
        "format_version": FORMAT_VERSION,
        "run": {**run, "status": "complete" if complete else "partial"},
        "tools": tools,
        "services": services,
    }
    return seal(staging / NAME, manifest)


def seal(path: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Given a manifest, add the checksum of all the rest of it and write it atomically."""
    body = {key: value for key, value in manifest.items() if key != "checksum"}
    sealed = {**body, "checksum": digest(body)}
    write_atomically(path, canonical(sealed) + "\n")
    return sealed


def read(staging: Path) -> dict[str, Any]:
    """Given an extracted archive or a staging directory, return its manifest.

    Raise BackupError if it is missing, unreadable, of a newer format, or was edited.
    """
    path = staging / NAME
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        checksum = manifest.pop("checksum")
    except FileNotFoundError as error:
        raise BackupError(f"there is no manifest in {staging}: the run never finished") from error
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise BackupError(f"manifest {path} cannot be read: {error}") from error
    if digest(manifest) != checksum:
        raise BackupError(f"manifest {path} was edited: it does not match its own checksum")
    if manifest.get("format_version", 0) > FORMAT_VERSION:
        raise BackupError(
            f"manifest {path} has format version {manifest['format_version']}; "
            f"this version of janus.backup reads up to {FORMAT_VERSION}"
        )
    return {**manifest, "checksum": checksum}


def damaged(staging: Path, record: dict[str, Any]) -> list[str]:
    """Given a directory and one service's record, check every artefact's size and SHA-256.

    Return one sentence for each that is missing or different; an empty list means intact.
    """
    artefacts = {artefact["path"]: artefact for artefact in record.get("artefacts", [])}
    sizes = {path: artefact["size"] for path, artefact in artefacts.items()}
    found = _hashed(lambda path: _damage(staging, artefacts[path]), sizes)
    return [sentence for path in artefacts if (sentence := found[path])]


def _hashed(action: Callable[[_Path], _Result], sizes: dict[_Path, int]) -> dict[_Path, _Result]:
    """Given what reads a file, and sizes by path, return what comes of each, the largest read first
    so that no processor waits for it in the end.
    """
    paths = sorted(sizes, key=lambda path: -sizes[path])
    with ThreadPoolExecutor(max_workers=_HASHES_AT_ONCE) as hashing:
        return dict(zip(paths, hashing.map(action, paths), strict=True))


def _damage(staging: Path, artefact: dict[str, Any]) -> str | None:
    path = staging / artefact["path"]
    if not path.is_file():
        return f"artefact {artefact['path']} is missing"
    if path.stat().st_size != artefact["size"]:
        return (
            f"artefact {artefact['path']} has {path.stat().st_size} bytes, "
            f"{artefact['size']} in the manifest"
        )
    if sha256(path) != artefact["sha256"]:
        return f"artefact {artefact['path']} does not match its sha256"
    return None


def size(record: dict[str, Any]) -> int:
    """Given a service's record, return how many bytes an archive holds of it."""
    staged = sum(artefact["size"] for artefact in record.get("artefacts", []))
    return int(staged + sum(tree["bytes"] for tree in record.get("in_place", [])))


def rebuilt_in(record: dict[str, Any]) -> str | None:
    """Given a service's record, return where a drill rebuilds it: in a "container", below a "root"
    directory, or None, which is nowhere.
    """
    if container(record):
        return "container"
    return "root" if record.get("below_root") else None


def container(record: dict[str, Any]) -> dict[str, Any] | None:
    """Given a service's record, return the specification of the container that it ran in, or of the
    one that a drill has to rebuild it in, or None.
    """
    found: dict[str, Any] | None = record.get("container") or record.get("rebuild")
    return found


def record(staging: Path, name: str) -> dict[str, Any]:
    """Given an extracted archive and a service's name, return its record from the manifest.

    Raise BackupError if the service is not in it or its dump had failed.
    """
    service: dict[str, Any] | None = read(staging)["services"].get(name)
    if service is None:
        raise BackupError(f"the manifest in {staging} knows no service {name}")
    if service["status"] != "dumped":
        raise BackupError(f"this archive has no dump of {name}: {service['error']}")
    return service
