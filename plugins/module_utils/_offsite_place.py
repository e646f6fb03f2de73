# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an off-site copy is: reach it, or say why it cannot be reached now; and what it says of
itself.

A copy is a directory with `repository/` in it, as rclone keeps it, and `copy.json`, which tells
whose copy it is, whether the last copy came to its end, and every file with its size.
"""

from __future__ import annotations

import configparser
import contextlib
import json
import os
import socket
import subprocess
import tempfile
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _offsite_bucket, _rclone, _s3
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

MOUNTS = Path("/run/janus-backup/offsite")
_MARKER = "copy.json"


class LaterError(BackupError):
    """Nothing is wrong: the next window may do it. `status` is one word for the state file."""

    def __init__(self, sentence: str, status: str) -> None:
        super().__init__(sentence)
        self.status = status


def read(path: str) -> dict[str, Any]:
    """Given the path of /etc/janus-backup/offsite/<name>.yml, return the target that it declares.

    Raise BackupError if it cannot be read.
    """
    import yaml

    try:
        declared = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        target: dict[str, Any] = declared["janus_backup_offsite"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise BackupError(f"cannot read the target in {path}: {error}") from error
    if target.get("ca_file"):
        os.environ["RCLONE_CA_CERT"] = target["ca_file"]
    return target


@contextlib.contextmanager
def reached(target: dict[str, Any]) -> Iterator[str]:
    """Given a target, reach it and hand out rclone's name of the copy's directory. A disk is
    mounted meanwhile.

    Raise LaterError if it is not there now, BackupError if it is not what the declaration says.
    """
    if target["type"] == "disk":
        with _mounted(target) as directory:
            yield str(directory / target["directory"])
        return
    if target["type"] == "path":
        if not Path(target["path"]).is_dir():
            raise LaterError(f"there is no directory {target['path']}", "absent")
    else:
        _connect(*address(target))
    if target["type"] == "s3":
        _require_immutable(target)
    yield target["remote"]


def by_contents(target: dict[str, Any]) -> str:
    """Given a target, return the option that makes rclone find files of other contents. SFTP has no
    checksums: rclone would compare sizes only, so everything is moved.
    """
    return "--ignore-times" if target["type"] == "ssh" else "--checksum"


def address(target: dict[str, Any]) -> tuple[str, int]:
    """Given a target on another host, return its name or address and the port."""
    if target["type"] == "ssh":
        return target["host"], int(target["port"])
    parts = urllib.parse.urlsplit(target["endpoint"])
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def access(target: dict[str, Any]) -> _s3.Access:
    """Given a target of type s3, return how to ask its server, with the keys in rclone's file."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(target["rclone_config"], encoding="utf-8")
    keys = config[target["name"]]
    return _s3.Access(
        target["endpoint"],
        keys["access_key_id"],
        keys["secret_access_key"],
        target["region"],
        target["ca_file"],
    )


def marker(target: dict[str, Any], place: str, *options: str) -> dict[str, Any] | None:
    """Given a target that is reached, return what the copy says of itself, None without one.

    Raise BackupError if there is something else.
    """
    config = Path(target["rclone_config"])
    try:
        text = _rclone.run(config, ["cat", *options, f"{place}/{_MARKER}"])
    except _rclone.RcloneError as error:
        if error.kind == "other" and "not found" in str(error):
            text = ""
        else:
            raise
    if not text.strip():
        return None
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise BackupError(f"{place}/{_MARKER} is damaged: {error}") from error
    return found


def mark(target: dict[str, Any], place: str, content: dict[str, Any]) -> None:
    """Given a target that is reached, have the copy say this of itself, all or nothing."""
    with tempfile.NamedTemporaryFile("w", suffix=_MARKER, encoding="utf-8") as stream:
        json.dump(content, stream)
        stream.flush()
        command = ["copyto", "--ignore-times", stream.name, f"{place}/{_MARKER}"]
        _rclone.run(Path(target["rclone_config"]), command)


def _connect(host: str, port: int) -> None:
    try:
        socket.create_connection((host, port), timeout=15).close()
    except OSError as error:
        cause = error.strerror or str(error)
        raise LaterError(f"cannot reach {host}:{port}: {cause}", "unreachable") from error


def _require_immutable(target: dict[str, Any]) -> None:
    """Raise BackupError if whoever holds the node's keys could destroy what is in the bucket."""
    bucket = target["bucket"]
    try:
        _s3.ask(access(target), "GET", f"/{bucket}", {"location": ""})
        days = _offsite_bucket.immutable_days(access(target), bucket)
    except _s3.UnreachableError as error:
        raise LaterError(str(error), "unreachable") from error
    except _s3.RefusedError as error:
        kind, sentence = _rclone.meaning(str(error))
        raise _rclone.RcloneError(
            f"cannot use bucket {bucket}: {sentence} ({error})", kind
        ) from error
    if target["immutable"] and not days:
        raise BackupError(
            f"bucket {bucket} is not immutable: it needs versioning, object lock and a default "
            "retention, or whoever takes this node destroys the copy too"
        )


@contextlib.contextmanager
def _mounted(target: dict[str, Any]) -> Iterator[Path]:
    """Mount the file system for the copy only; the unit's own mount namespace ends with the unit,
    so that no end of it leaves the disk mounted.
    """
    found = subprocess.run(
        ["findfs", f"UUID={target['uuid']}"], capture_output=True, text=True, check=False
    )
    if found.returncode != 0:
        raise LaterError(f"the disk with file system {target['uuid']} is not attached", "absent")
    directory = MOUNTS / target["name"]
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = ["mount", "-o", "nodev,nosuid,noexec", found.stdout.strip(), str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BackupError(f"cannot mount the disk {target['uuid']}: {done.stderr.strip()}")
    try:
        yield directory
    finally:
        os.sync()
        done = subprocess.run(
            ["umount", str(directory)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise BackupError(f"cannot unmount the disk {target['uuid']}: {done.stderr.strip()}")
        directory.rmdir()
