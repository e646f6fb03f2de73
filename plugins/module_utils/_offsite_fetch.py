# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
r"""Fetch an off-site copy of a repository into a directory of this host, without the node.

    python -m ansible_collections.janus.backup.plugins.module_utils._offsite_fetch \
        TARGETFILE DIRECTORY [--at TIME]

The directory is then a repository that Borg opens; what it had before is reused, so that fetching
again moves only what is new. With --at, the copy as it was at that moment is fetched from the older
versions that a bucket keeps; without, the last one that was complete.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import (
    _offsite_copy,
    _offsite_place,
    _rclone,
)
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import (
    private_directory,
    remove_tree,
)

_OPTIONS = ["--transfers=4", "--timeout=1m"]


def fetch(target: dict[str, Any], directory: Path, moment: str | None) -> dict[str, Any]:
    """Given a target and a directory, make the directory equal to the copy, as of a moment in ISO
    8601 if one is given. Return {moment, moved_bytes, complete, and what the copy says of itself}.

    Raise BackupError if there is no copy, or what was fetched is not all that it says to hold.
    """
    with _offsite_place.reached(target) as place:
        wanted = _utc(moment) if moment else None
        if wanted and target["type"] != "s3":
            raise BackupError(
                f"{target['name']} keeps no older versions: only a bucket can be asked for the past"
            )
        told, versions = _told(target, place, wanted)
        private_directory(directory)
        config = Path(target["rclone_config"])
        # Borg's own files about another state of it would mislead Borg.
        for path in directory.iterdir():
            if path.name.startswith(("index.", "hints.", "integrity.", "lock.")):
                remove_tree(path)
        options = [*_OPTIONS, _offsite_place.by_contents(target), *versions]
        moved = _rclone.transfer(config, ["sync", *options, f"{place}/repository", str(directory)])
    found = {name: size for name, (size, _time) in _offsite_copy.files(directory).items()}
    if told["complete"] and found != told["sizes"]:
        raise BackupError(_difference(target["name"], told["sizes"], found))
    if _offsite_copy.repository_id(directory) != told["repository_id"]:
        raise BackupError(f"{target['name']} holds another repository than it says")
    return {**told, "moved_bytes": moved["bytes"], "moment": wanted}


def _told(
    target: dict[str, Any], place: str, wanted: str | None
) -> tuple[dict[str, Any], list[str]]:
    """Return what the copy says of itself, and the options that make rclone see it so."""
    versions = [f"--s3-version-at={wanted}"] if wanted else []
    told = _offsite_place.marker(target, place, *versions)
    complete = told.get("last_complete") if told and not told["complete"] else None
    if complete and not wanted and target["type"] == "s3":
        # The last copy broke off, or it is under way: the one before is whole.
        versions = [f"--s3-version-at={complete}"]
        told = _offsite_place.marker(target, place, *versions)
    if told is None:
        past = f" as of {wanted}" if wanted else ""
        raise BackupError(f"{target['name']} holds no copy{past}")
    if not told["complete"]:
        sys.stderr.write(
            f"{target['name']}: that copy did not come to its end; only a check tells what it is\n"
        )
    return told, versions


def _utc(moment: str) -> str:
    """Return a moment as rclone wants it. Raise BackupError if it is none."""
    try:
        parsed = datetime.datetime.fromisoformat(moment)
    except ValueError as error:
        raise BackupError(f"{moment} is no time: 2026-11-25T02:00:00Z is one") from error
    zoned = parsed if parsed.tzinfo else parsed.replace(tzinfo=datetime.UTC)
    return zoned.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _difference(name: str, expected: dict[str, int], found: dict[str, int]) -> str:
    wrong = sorted(
        path for path in expected.keys() | found.keys() if expected.get(path) != found.get(path)
    )
    return (
        f"{name}: {len(wrong)} of {len(expected)} files are not what the copy says to hold, "
        f"{wrong[0]} first"
    )


def main() -> int:
    """Fetch the copy of the target named on the command line. Return the exit code."""
    parser = argparse.ArgumentParser(description="Fetch an off-site copy of a repository.")
    parser.add_argument("target_file")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--at", help="the moment, in ISO 8601, UTC unless it says otherwise")
    arguments = parser.parse_args()
    try:
        target = _offsite_place.read(arguments.target_file)
        told = fetch(target, arguments.directory, arguments.at)
    except (BackupError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stderr.write(
        f"{target['name']}: fetched the copy of {told.get('finished') or told['started']}, "
        f"{told['moved_bytes'] / 1e6:.1f} MB moved\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
