# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
r"""Make a repository as it was at a moment, out of one that was only ever appended to: on the
repository server, as the owner of the repository.

    python -m ansible_collections.janus.backup.plugins.module_utils._offsite_rollback \
        REPOSITORY DIRECTORY --at TIME

The new one is of hard links and leaves out the segments that came later; the original is not
touched. Its index is made again when Borg opens it. Drill it, then move it into the other's place.
"""

from __future__ import annotations

import argparse
import datetime
import os
import re
import shutil
import sys
from pathlib import Path

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

_COPIED = ("config", "nonce", "README")
_LINE = re.compile(r"transaction (\d+), UTC time (\S+)")


def last_transaction(repository: Path, moment: datetime.datetime) -> int:
    """Given a repository and a moment, return the last transaction that was complete by then.

    Raise BackupError if there is none, or the repository was not append-only.
    """
    try:
        text = (repository / "transactions").read_text(encoding="utf-8")
    except OSError as error:
        raise BackupError(
            f"{repository} has no list of transactions: it was not appended to by a server"
        ) from error
    found = [
        int(number)
        for number, noted in _LINE.findall(text)
        if datetime.datetime.fromisoformat(noted).replace(tzinfo=datetime.UTC) <= moment
    ]
    if not found:
        raise BackupError(f"{repository} has no transaction as old as {moment.isoformat()}")
    return max(found)


def roll_back(repository: Path, directory: Path, moment: datetime.datetime) -> int:
    """Given a repository, a directory that does not exist and a moment, make the repository of
    then in the directory. Return its last transaction.
    """
    if directory.exists():
        raise BackupError(f"refusing to write to {directory}: it exists")
    last = last_transaction(repository, moment)
    segments = [
        path
        for path in (repository / "data").glob("*/*")
        if path.name.isdigit() and int(path.name) <= last
    ]
    if str(last) not in {path.name for path in segments}:
        raise BackupError(f"{repository} lost transaction {last}: it was compacted since")
    half = directory.with_name(f".{directory.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(mode=0o700)
    for name in _COPIED:
        if (repository / name).exists():
            shutil.copy2(repository / name, half / name)
    for path in segments:
        target = half / path.relative_to(repository)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, target)
    half.rename(directory)
    return last


def main() -> int:
    """Roll back as the command line says. Return the exit code."""
    parser = argparse.ArgumentParser(description="Make a repository as it was at a moment.")
    parser.add_argument("repository", type=Path)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--at", required=True, type=datetime.datetime.fromisoformat)
    arguments = parser.parse_args()
    moment = arguments.at
    moment = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
    try:
        last = roll_back(arguments.repository, arguments.directory, moment)
    except (BackupError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stderr.write(f"{arguments.directory}: as of transaction {last}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
