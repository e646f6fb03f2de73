# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""BorgBackup, as far as borgmatic has no action for it: name, read and extract archives."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

_LOCKED = 73
_PATIENCE = 10
# Borg's modern exit codes (docs/usage/general/return-codes.rst.inc of Borg 1.4).
_SENTENCES = {
    2: "Borg failed",
    13: "the repository does not exist",
    15: "the repository is not valid",
    30: "there is no such archive in the repository",
    52: "the passphrase is wrong",
    _LOCKED: "another process holds the repository's lock",
    80: "the connection was closed by the remote host",
}


def run(access: dict[str, Any], arguments: list[str], directory: Path | None = None) -> str:
    """Given how to reach a repository, run borg and return its standard output.

    access is {passphrase_file, base_directory} and perhaps {rsh, lock_wait, bypass_lock}; the
    output is held in memory, so ask for little. Raise BackupError with Borg's own words if it exits
    non-zero.
    """
    deadline = time.monotonic() + access.get("lock_wait", 600)
    while True:
        # Borg looks again after a tenth of the time that it may wait: a minute, of ten.
        wait = max(0, min(_PATIENCE, round(deadline - time.monotonic())))
        done = subprocess.run(
            command({**access, "lock_wait": wait}, arguments),
            env=environment(access),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != _LOCKED or time.monotonic() >= deadline:
            break
    if done.returncode != 0:
        words = " ".join(done.stderr[-2000:].split())
        sentence = _SENTENCES.get(done.returncode, f"borg failed with exit code {done.returncode}")
        raise BackupError(f"cannot {arguments[0]} {arguments[-1]}: {sentence} ({words})")
    return done.stdout


def command(access: dict[str, Any], arguments: list[str]) -> list[str]:
    """Given how to reach a repository and borg's arguments, return the command."""
    # the one of the same virtual environment, whatever PATH says
    places = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
    borg = shutil.which("borg", path=places) or "borg"
    bypass = ["--bypass-lock"] if access.get("bypass_lock") else []
    return [borg, "--lock-wait", str(access.get("lock_wait", 600)), *bypass, *arguments]


def environment(access: dict[str, Any]) -> dict[str, str]:
    """Given how to reach a repository, return the environment of the command."""
    result = {
        **os.environ,
        "BORG_BASE_DIR": str(access["base_directory"]),
        "BORG_PASSCOMMAND": f"cat {access['passphrase_file']}",
        "BORG_EXIT_CODES": "modern",
        "BORG_DISPLAY_PASSPHRASE": "no",
        "TZ": "UTC",
    }
    if access.get("rsh"):
        result["BORG_RSH"] = access["rsh"]
    return result


def archives(access: dict[str, Any], repository: str, pattern: str) -> list[dict[str, Any]]:
    """Given a repository and a shell pattern, list its matching archives, the oldest first.

    Each is {name, id, start (naive UTC), ...} as `borg list --json` describes it.
    """
    listing = run(access, ["list", "--json", "--glob-archives", pattern, repository])
    found: list[dict[str, Any]] = json.loads(listing)["archives"]
    return found


def newest(access: dict[str, Any], repository: str, pattern: str) -> dict[str, Any] | None:
    """Given a repository and a shell pattern, return its newest matching archive, None without one.

    It is {name, id, stats: {original_size, compressed_size, deduplicated_size}, ...} as `borg info
    --json` describes it, in bytes; the last is what only this archive holds.
    """
    arguments = ["info", "--json", "--last", "1", "--glob-archives", pattern, repository]
    found: list[dict[str, Any]] = json.loads(run(access, arguments))["archives"]
    return found[0] if found else None
