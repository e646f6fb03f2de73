# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove that the archive just made holds this run, and name it complete when it is: program of
borgmatic's hooks after `create`.

    python -m ansible_collections.janus.backup.plugins.module_utils._seal JOBFILE REPOSITORY
    python -m ansible_collections.janus.backup.plugins.module_utils._seal JOBFILE --verdict

borgmatic creates every archive as <prefix>-partial-<time>, which retention does not count. The
first reads the manifest back out of the newest one, compares it with the one in staging, renames
the archive to <prefix>-<time> when the manifest says complete, and notes it in
<state>/status/<job>.json; so a run that is killed in between never leaves a complete name. The
second exits 1 when the run was partial, so that borgmatic and the unit report a failure after all
else was done.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import (
    _borg,
    _job,
    _manifest,
    _offsite_state,
)
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import (
    private_directory,
    write_atomically,
)

_DATE = "[0-9][0-9][0-9][0-9]-*"


def seal(job: dict[str, Any], repository: str) -> str:
    """Given a job and the repository that borgmatic just wrote to, return the archive's name.

    Raise BackupError if the newest archive does not hold this run's manifest.
    """
    staging, access = Path(job["staging"]), _job.borg_access(job)
    manifest = _manifest.read(staging)
    prefix = job["archive_prefix"]
    newest = _borg.newest(access, repository, f"{prefix}-partial-{_DATE}")
    if not newest:
        raise BackupError(f"{repository} holds no archive {prefix}-partial-…, which was just made")
    archive = newest["name"]
    inside = f"{staging.relative_to(job['state'])}/{_manifest.NAME}"
    stored = _borg.run(access, ["extract", "--stdout", f"{repository}::{archive}", inside])
    if stored != (staging / _manifest.NAME).read_text(encoding="utf-8"):
        raise BackupError(f"archive {archive} in {repository} does not hold this run's manifest")
    if manifest["run"]["status"] == "complete":
        complete = archive.replace(f"{prefix}-partial-", f"{prefix}-", 1)
        _borg.run(access, ["rename", f"{repository}::{archive}", complete])
        archive = complete
        _note_other_host(job, repository, archive, newest["stats"])
    _note(job, manifest, repository, archive, newest["stats"])
    return archive


def verdict(job: dict[str, Any]) -> str | None:
    """Given a job, return the sentence that makes its run a failure, or None."""
    services = _manifest.read(Path(job["staging"]))["services"]
    failed = [
        f"{name}: {service['error']}"
        for name, service in services.items()
        if service["status"] != "dumped"
    ]
    if not failed:
        return None
    return (
        f"the archive is partial, {len(failed)} of {len(services)} services failed: "
        + "; ".join(failed)
    )


def _note(
    job: dict[str, Any],
    manifest: dict[str, Any],
    repository: str,
    archive: str,
    statistics: dict[str, int],
) -> None:
    path = private_directory(Path(job["state"]) / "status") / f"{job['name']}.json"
    status: dict[str, Any] = {"run": manifest["run"], "repositories": {}}
    if path.is_file():
        noted = json.loads(path.read_text(encoding="utf-8"))
        if noted["run"]["id"] == manifest["run"]["id"]:
            status = noted
    status["manifest"] = manifest["checksum"]
    status["repositories"][repository] = {"archive": archive, **statistics}
    status["services"] = {
        name: {
            "status": service["status"],
            "error": service.get("error"),
            "bytes": _manifest.size(service),
            "objects": len(service.get("checksums", {})),
            "consistency": service.get("consistency", {}).get("kind"),
            "seconds": service.get("seconds"),
        }
        for name, service in manifest["services"].items()
    }
    write_atomically(path, json.dumps(status, indent=2) + "\n")


def _note_other_host(
    job: dict[str, Any], repository: str, archive: str, statistics: dict[str, int]
) -> None:
    """Keep the age of what is on another host, as of any other off-site copy."""
    if target := _offsite_state.of_repository(job, repository):
        now = _offsite_state.now()
        state = _offsite_state.load(target) | {
            "status": "copied",
            "sentence": f"holds {archive}",
            "last_attempt": now,
            "last_success": now,
            "bytes_moved": statistics["deduplicated_size"],
        }
        _offsite_state.save(target, state)


def main() -> int:
    """Seal an archive or give the verdict on a run. Return the exit code."""
    parser = argparse.ArgumentParser(description="Prove and name the archive of a backup run.")
    parser.add_argument("job_file")
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("repository", nargs="?")
    chosen.add_argument("--verdict", action="store_true", help="exit 1 if the run was partial")
    arguments = parser.parse_args()
    try:
        job = _job.read(arguments.job_file)
        if not arguments.verdict:
            sys.stderr.write(f"archive {seal(job, arguments.repository)} holds this run\n")
        elif sentence := verdict(job):
            sys.stderr.write(f"{sentence}\n")
            return 1
    except BackupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
