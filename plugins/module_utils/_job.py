# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rendered declaration of one job, as the programs of a run on the node read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def read(path: str) -> dict[str, Any]:
    """Given the path of /etc/janus-backup/jobs/<job>.yml, return the job that it declares.

    Raise BackupError if it cannot be read.
    """
    import yaml

    try:
        declared = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        job: dict[str, Any] = declared["janus_backup_job"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise BackupError(f"cannot read the job in {path}: {error}") from error
    return job


def borg_access(job: dict[str, Any]) -> dict[str, Any]:
    """Given a job, return how `_borg` reaches its repositories."""
    return {
        "passphrase_file": job["passphrase_file"],
        "base_directory": f"{job['state']}/borg",
        "lock_wait": job["lock_wait"],
        "rsh": job.get("ssh_command"),
    }
