# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy a repository that is sound, under Borg's lock, and stop before a copy that would lose what
is off-site.

Not copied are Borg's locks and its index, hints and integrity files: Borg makes them again from
the segments, and they would be most of what moves after a small change.
"""

from __future__ import annotations

import configparser
import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from ansible_collections.janus.backup.plugins.module_utils import _borg, _offsite_place, _rclone
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

_LEFT_OUT = ("lock.", "index.", "hints.", "integrity.")
# What rclone is told of them.
FILTER = [f"--exclude=/{prefix}*" for prefix in _LEFT_OUT] + ["--exclude=/lock.*/**"]
_ATTEMPTS = 3
_LOCK_SEGMENTS = 2  # `borg with-lock` writes these itself before it begins


def files(repository: Path) -> dict[str, tuple[int, int]]:
    """Given a repository, return size and time of each file that is copied, by relative path."""
    found = {}
    for folder, _folders, names in os.walk(repository):
        for name in names:
            path = Path(folder, name)
            relative = str(path.relative_to(repository))
            if not relative.startswith(_LEFT_OUT):
                status = path.stat()
                found[relative] = (status.st_size, status.st_mtime_ns)
    return found


def fingerprint(target: dict[str, Any]) -> str:
    """Given a target, return a hash of its repository that is equal until an archive comes, goes or
    is renamed, or the key changes; files tell less, because each copy's lock writes some.

    Raise LaterError if others hold the repository, BackupError if it cannot be read.
    """
    repository = Path(target["repository"])
    try:
        listing = _borg.run(target["borg"], ["list", "--json", "--last=1", str(repository)])
    except BackupError as error:
        raise _busy_or(error) from error
    changed = json.loads(listing)["repository"]["last_modified"]
    config = (repository / "config").read_bytes()
    return hashlib.sha256(changed.encode() + config).hexdigest()


def _busy_or(error: BackupError, sentence: str = "") -> BackupError:
    if "holds the repository's lock" in str(error):
        return _offsite_place.LaterError(str(error), "busy")
    return BackupError(f"{sentence}{error}")


def repository_id(repository: Path) -> str:
    """Given a local repository, return its id. Raise BackupError if it is none."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(repository / "config", encoding="utf-8")
    try:
        return config["repository"]["id"]
    except KeyError as error:
        raise BackupError(f"there is no repository in {repository}") from error


def loss(
    local: dict[str, int], remote: dict[str, int], max_shrink: int, max_removed: int
) -> str | None:
    """Given sizes here and there, return the sentence that stops the copy, or None.

    Segments are written once: one that is here with another size was tampered with or damaged.
    """
    there = sum(remote.values())
    if not there:
        return None
    shrunk = there - sum(local.values())
    removed = sum(
        size
        for name, size in remote.items()
        if local.get(name) != size and (name.startswith("data/") or name not in local)
    )
    for share, limit, what in (
        (100 * shrunk / there, max_shrink, "shrink by"),
        (100 * removed / there, max_removed, "remove or replace"),
    ):
        if share > limit:
            return (
                f"the copy would {what} {share:.0f} % of the {there / 1e6:.1f} MB that are "
                f"off-site, {limit} % are allowed: nothing was copied"
            )
    return None


@contextlib.contextmanager
def _locked(access: dict[str, Any], repository: Path) -> Iterator[subprocess.Popen[str]]:
    """Hold Borg's lock on the repository; it ends with this process, however that ends."""
    command = _borg.command(access, ["with-lock", str(repository), "sh", "-c"])
    with subprocess.Popen(
        [*command, "echo locked && cat >/dev/null"],
        env=_borg.environment(access),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as holder:
        told, said, held = (
            cast(IO[str], pipe) for pipe in (holder.stdout, holder.stderr, holder.stdin)
        )
        try:
            if told.readline() != "locked\n":
                cause = " ".join(said.read().split())
                raise _offsite_place.LaterError(f"cannot lock {repository}: {cause}", "busy")
            yield holder
        finally:
            held.close()
            holder.stdin = None


@contextlib.contextmanager
def sound(target: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    """Given a target, check its repository and hold the lock on it as it was checked.

    Raise BackupError if the repository is damaged, LaterError if others keep writing to it.
    """
    repository, access = Path(target["repository"]), target["borg"]
    for _attempt in range(_ATTEMPTS):
        try:
            _borg.run(access, ["check", "--repository-only", str(repository)])
        except BackupError as error:
            raise _busy_or(error, "refusing to copy a damaged repository: ") from error
        checked = _segments(repository)
        with _locked(access, repository) as holder:
            now = _segments(repository)
            if checked.items() <= now.items() and len(now) <= len(checked) + _LOCK_SEGMENTS:
                yield holder
                return
    raise _offsite_place.LaterError(f"{repository} is written to all the time", "busy")


def _segments(repository: Path) -> dict[str, tuple[int, int]]:
    return {name: seen for name, seen in files(repository).items() if name.startswith("data/")}


def synchronise(
    target: dict[str, Any],
    place: str,
    holder: subprocess.Popen[str],
    seconds: float | None,
    contents: bool,
) -> dict[str, Any]:
    """Given a target that is reached, the lock's holder, the seconds left if they are limited, and
    whether to compare contents and not only sizes and times, make the copy equal. Return rclone's
    statistics.

    Raise RcloneError if that is interrupted, BackupError if the copy is not equal afterwards.
    """
    config = Path(target["rclone_config"])
    options = [*FILTER, "--delete-after", "--transfers=4", "--timeout=1m", "--stats=1m"]
    if target["bandwidth"]:
        options.append(f"--bwlimit={target['bandwidth']}")
    if contents:
        options.append(_offsite_place.by_contents(target))
    if seconds is not None:
        options += [f"--max-duration={max(1, int(seconds))}s", "--cutoff-mode=hard"]
    statistics = _rclone.transfer(
        config, ["sync", *options, target["repository"], f"{place}/repository"]
    )
    if holder.poll() is not None:
        raise BackupError("Borg's lock was lost while copying")
    here = {name: size for name, (size, _time) in files(Path(target["repository"])).items()}
    if _rclone.listing(config, f"{place}/repository") != here:
        raise BackupError(f"{place} differs from the repository after copying")
    sys.stderr.write(f"copied to {target['name']}\n")
    return statistics
