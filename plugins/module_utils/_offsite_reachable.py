# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
r"""Skip a repository on another host that need not be reached in each run: program of borgmatic's
hook before it comes to a repository.

    python -m ansible_collections.janus.backup.plugins.module_utils._offsite_reachable \
        JOBFILE REPOSITORY

Ends with 75, on which borgmatic leaves the repository out without an error, when its host does not
answer; with 1 when the newest archive there is then older than is allowed.
"""

from __future__ import annotations

import socket
import sys
import urllib.parse
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _job, _offsite_state
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

_SKIP = 75


def look(job: dict[str, Any], repository: str) -> int:
    """Given a job and one of its repositories, return the exit code that tells borgmatic what to do
    with it.

    Raise BackupError if the job has no such repository.
    """
    target = _offsite_state.of_repository(job, repository)
    if target is None or target["required"]:
        return 0
    parts = urllib.parse.urlsplit(repository)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 22), timeout=15).close()
    except OSError as error:
        sentence = f"cannot reach {parts.hostname}: {error.strerror or error}"
        state = _offsite_state.load(target)
        state |= {"status": "unreachable", "sentence": sentence}
        state["last_attempt"] = _offsite_state.now()
        _offsite_state.save(target, state)
        age = _offsite_state.hours_old(state)
        told = f"{sentence}; its newest archive is {age:.0f} hours old"
        sys.stderr.write(f"{repository} is left out: {told}\n")
        return 1 if age > target["max_age_hours"] else _SKIP
    return 0


def main() -> int:
    """Look at the repository named on the command line. Return the exit code."""
    try:
        return look(_job.read(sys.argv[1]), sys.argv[2])
    except (BackupError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
