# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore would do, found out without changing anything: from which archive, how big, what
it replaces, how long it may take, and every reason not to begin.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import (
    _archive,
    _borg,
    _container,
    _job,
    _journal,
    _manifest,
    _twin,
)
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import read_secret

_SPARE = 1.1  # a restored service needs more than its data: logs, and files that are rewritten


def plan(job: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Given a job and {service, repository (label, "" for the first), archive, known (version, or
    None when the service does not answer)}, return the plan.

    Its `refusals` are the reasons not to begin, its `warnings` what an operator should know. Raise
    BackupError if there is nothing to make a plan of.
    """
    name, state = wanted["service"], Path(job["state"])
    service = _named(job["services"], name, "service")
    if service["runtime"] != "docker":
        raise BackupError(
            f"{name} runs on the host itself: a restore beside it, to be proved before it takes "
            "its place, needs a container; docs/restore.md says what to do"
        )
    chosen = wanted["repository"] or job["repositories"][0]["label"]
    repository = _named(job["repositories"], chosen, "repository", "label")["path"]
    access = _job.borg_access(job)
    archive = _archive.choose(access, repository, wanted["archive"], job["archive_prefix"])
    manifest = _read_manifest(access, repository, archive["name"], state)
    record = manifest["services"].get(name, {"status": "failed", "error": "it is not in there"})
    if record["status"] != "dumped":
        raise BackupError(f"archive {archive['name']} has no dump of {name}: {record['error']}")
    if record["type"] != service["type"]:
        raise BackupError(f"{name} is {record['type']} in the archive, {service['type']} here")
    attributes = _container.inspect(service["container"], running=False)
    size = _manifest.size(record)
    found: dict[str, Any] = {
        "run": f"restore-{name}-{datetime.now(UTC):%Y%m%dt%H%M%S}".replace("_", "-"),
        "service": service,
        "repository": repository,
        "access": access,
        "prefix": job["archive_prefix"],
        "archive": archive,
        "dumped": record["started"],
        "consistency": record["consistency"]["kind"],
        "objects": len(record["checksums"]),
        "bytes": size,
        "version": record["tools"]["server"],
        "estimate": _estimate(state, name, size, record["seconds"]),
        "replaces": [
            {"destination": mount["Destination"], "source": mount.get("Name") or mount["Source"]}
            for mount in _twin.data(attributes)
        ],
        "credential": "credential" if _has_credential(record, name) else None,
    }
    found["refusals"] = [
        *_twin.obstacles(attributes),
        *_version_obstacles(record, attributes, wanted["known"]),
        *_space_obstacles(state, attributes, size, record["bytes"]),
        *_open_restores(state, name),
    ]
    found["warnings"] = _warnings(access, found, job, record)
    return found


def _named(entries: list[dict[str, Any]], name: str, kind: str, key: str = "name") -> Any:
    for entry in entries:
        if entry[key] == name:
            return entry
    known = ", ".join(entry[key] for entry in entries)
    raise BackupError(f"the job has no {kind} {name}, but {known}")


def _read_manifest(
    access: dict[str, Any], repository: str, archive: str, state: Path
) -> dict[str, Any]:
    pattern = f"sh:staging/*/{_manifest.NAME}"
    text = _borg.run(access, ["extract", "--stdout", f"{repository}::{archive}", pattern])
    with tempfile.TemporaryDirectory(dir=state, prefix=".plan-") as directory:
        (Path(directory) / _manifest.NAME).write_text(text, encoding="utf-8")
        return _manifest.read(Path(directory))


def _has_credential(record: dict[str, Any], name: str) -> bool:
    return any(each["path"] == f"{name}/credential" for each in record["artefacts"])


def _version_obstacles(
    record: dict[str, Any], attributes: dict[str, Any], known: str | None
) -> list[str]:
    """An archive goes back into the image that it came from, or into a later version of the same
    major one; of another image the service itself has to tell the version.
    """
    if record.get("container", {}).get("image", {}).get("id") == attributes["Image"]:
        return []
    archived, name = record["tools"]["server"], attributes["Name"].lstrip("/")
    if known is None:
        return [
            f"container {name} has another image than at backup and does not tell its version: "
            f"let it run {archived}"
        ]
    then, now = ([int(part) for part in re.findall(r"\d+", text)[:2]] for text in (archived, known))
    if then[:1] != now[:1] or then > now:
        return [f"container {name} runs version {known}, the archive is of {archived}"]
    return []


def _space_obstacles(state: Path, attributes: dict[str, Any], size: int, data: int) -> list[str]:
    engine_root = Path(_container.client().api.info()["DockerRootDir"])
    wanted = {
        engine_root if mount["Type"] == "volume" else Path(mount["Source"]).parent
        for mount in _twin.data(attributes)
    }
    places = [(place, int(max(data, size) * _SPARE)) for place in sorted(wanted)]
    needs: dict[int, tuple[Path, int]] = {}
    for place, needed in [(_existing(_journal.directory(state)), size), *places]:
        device = place.stat().st_dev
        first, already = needs.get(device, (place, 0))
        needs[device] = (first, already + needed)
    return [
        f"no space to restore: {needed / 1e6:.0f} MB needed in {place}, {free / 1e6:.0f} MB free"
        for place, needed in needs.values()
        if (free := shutil.disk_usage(place).free) < needed
    ]


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)


def _open_restores(state: Path, name: str) -> list[str]:
    return [
        f"{journal['run']} has not ended: if nobody works on it, "
        "systemctl start janus-backup-restore-end.service"
        for journal in _journal.journals(state)
        if journal["open"] and journal["service"]["name"] == name
    ]


def _warnings(
    access: dict[str, Any], found: dict[str, Any], job: dict[str, Any], record: dict[str, Any]
) -> list[str]:
    sentences = []
    if found["consistency"] == "fuzzy":
        sentences.append(f"the backup was fuzzy: {record['consistency'].get('reason')}")
    declared = found["service"]["password_file"]
    if found["credential"] and declared:
        inside = f"sh:staging/*/{found['service']['name']}/{found['credential']}"
        archive = f"{found['repository']}::{found['archive']['name']}"
        then = _borg.run(access, ["extract", "--stdout", archive, inside])
        if then.rstrip("\n") != read_secret(declared):
            sentences.append(
                "the password was another one at backup: declare that one again if the service "
                "keeps its passwords with its data"
            )
    return sentences


def _estimate(state: Path, name: str, size: int, dumped: float) -> dict[str, Any]:
    """Return {seconds, basis}: the last restore of this service here, as long for each byte, or
    else the dump.
    """
    for journal in reversed(_journal.journals(state)):
        if journal["service"]["name"] == name and journal["phase"] == _journal.PROVEN:
            took = sum(_journal.seconds(journal).values())
            scale = max(1.0, size / max(1, journal["bytes"]))
            return {"seconds": round(took * scale), "basis": f"as {journal['run']} took"}
    return {"seconds": round(30 + 3 * dumped), "basis": "three times the dump, never restored here"}
