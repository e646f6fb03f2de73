# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Undo what a run left behind, however it ended: program of the units' ExecStopPost= and of the
hook that begins a run.

    python -m ansible_collections.janus.backup.plugins.module_utils._cleanup JOBFILE [--prepare]

Whatever was quiesced is resumed first, then helper containers and staging are removed. Safe to run
again and again. With --prepare it also makes an empty staging directory for the run that begins.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _container, _job
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import (
    private_directory,
    remove_tree,
)

SCRATCH = Path("/run/janus-backup")


def resume_quiesced(state: Path, job: str) -> None:
    """Given the state directory and a job's name, resume every service that the job quiesced.

    Raise BackupError, after having tried all, if one could not be resumed.
    """
    failures = []
    for path in sorted((state / "quiesced" / job).glob("*.json")):
        noted = json.loads(path.read_text(encoding="utf-8"))
        try:
            importlib.import_module(noted["type"]).resume(noted["token"])
            path.unlink()
        except BackupError as error:
            failures.append(f"{path.stem}: {error}")
    if failures:
        raise BackupError(f"cannot resume {'; '.join(failures)}")


def main() -> int:
    """Clean up after the job named on the command line. Return the exit code."""
    parser = argparse.ArgumentParser(description="Undo what a run of a backup job left behind.")
    parser.add_argument("job_file")
    parser.add_argument("--prepare", action="store_true", help="make an empty staging directory")
    arguments = parser.parse_args()
    try:
        job = _job.read(arguments.job_file)
    except BackupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    staging, scratch = Path(job["staging"]), SCRATCH / job["name"]
    steps: list[Callable[[], Any]] = [
        lambda: resume_quiesced(Path(job["state"]), job["name"]),
        lambda: remove_tree(staging),
        lambda: remove_tree(scratch),
    ]
    if any(service["runtime"] == "docker" for service in job["services"]):
        # after what is quiesced, before staging, into which helpers may still be writing
        steps.insert(1, lambda: _container.remove_labelled(f"{_container.LABEL}={job['name']}"))
    code = 0
    for step in steps:
        try:
            step()
        except (BackupError, OSError) as error:
            sys.stderr.write(f"cleaning up after {job['name']}: {error}\n")
            code = 1
    if arguments.prepare and code == 0:
        private_directory(staging)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
