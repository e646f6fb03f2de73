# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""rclone: run it with a configuration that only root can read, and say in one sentence what went
wrong. Nothing secret is ever among its arguments.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

_DURATION_EXCEEDED = 10

# What a server or the network says, and what it means; the first that fits counts.
_MEANINGS = (
    ("clock", r"RequestTimeTooSkewed", "the clocks of this host and of the target differ too much"),
    (
        "full",
        r"QuotaExceeded|StorageFull|InsufficientStorage|no space left|quota|disk full",
        "the target is full",
    ),
    (
        "keys",
        r"InvalidAccessKeyId|SignatureDoesNotMatch|unable to authenticate|Permission denied \(pub",
        "the target does not know these keys",
    ),
    ("keys", r"knownhosts: key (mismatch|is unknown)", "the target has another host key"),
    ("keys", r"x509", "the target's certificate is not trusted"),
    ("denied", r"AccessDenied|permission denied|Access Denied", "the target forbids it"),
    ("gone", r"NoSuchBucket", "the bucket is gone"),
    (
        "unreachable",
        r"refused|timed? ?out|no route|unreachable|no such host|reset by peer|broken pipe|EOF"
        r"|deadline exceeded|cannot reach|use of closed|name resolution|not known|server misbehav"
        r"|SlowDown|ServiceUnavailable|connection lost|couldn't connect",
        "the target cannot be reached",
    ),
)


class RcloneError(BackupError):
    """A copy that did not come to its end; `kind` says whose turn it is: clock, full, keys, denied,
    gone, unreachable, time (is up) or other.
    """

    def __init__(self, sentence: str, kind: str) -> None:
        super().__init__(sentence)
        self.kind = kind


def meaning(words: str) -> tuple[str, str]:
    """Given what a tool or a server said, return its kind and what it means, both short."""
    for kind, pattern, sentence in _MEANINGS:
        if re.search(pattern, words, re.I):
            return kind, sentence
    return "other", "rclone failed"


def run(config: Path, arguments: list[str], text: str | None = None) -> str:
    """Given rclone's configuration file and arguments, run it and return its standard output.

    Raise RcloneError with its words if it fails.
    """
    done = subprocess.run(
        _command(config, arguments), input=text, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise _failure(arguments, [_message(line) for line in done.stderr.splitlines()[-10:]])
    return done.stdout


def listing(config: Path, place: str) -> dict[str, int]:
    """Given a remote directory, return the size of each file below it by relative path; empty
    when there is none. Raise RcloneError if it cannot be listed.
    """
    arguments = ["lsjson", "--recursive", "--files-only", "--no-modtime", "--no-mimetype", place]
    try:
        found = json.loads(run(config, arguments))
    except RcloneError as error:
        if re.search(r"directory not found|object not found", str(error)):
            return {}
        raise
    return {entry["Path"]: int(entry["Size"]) for entry in found}


def transfer(config: Path, arguments: list[str]) -> dict[str, Any]:
    """Given arguments that move files, run rclone, show its progress, and return its statistics
    (bytes, transfers, deletes, …).

    Raise RcloneError if it fails, with kind `time` when --max-duration is over.
    """
    command = _command(config, [*arguments, "--stats=1m", "--stats-log-level=NOTICE"])
    words: list[str] = []
    statistics: dict[str, Any] = {}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        for line in process.stderr or ():
            entry = _entry(line)
            if "stats" in entry:
                statistics = entry["stats"]
                sys.stderr.write(f"{_progress(statistics)}\n")
            elif entry.get("level") in ("error", "critical", "warning"):
                words = [*words[-9:], _message(line)]
    if process.returncode == _DURATION_EXCEEDED:
        raise RcloneError("the window is over", "time")
    if process.returncode != 0:
        raise _failure(arguments, words)
    return statistics


def _command(config: Path, arguments: list[str]) -> list[str]:
    rclone = Path(sys.executable).with_name("rclone")
    fixed = ["--use-json-log", "--retries=1", "--low-level-retries=3", "--contimeout=15s"]
    return [str(rclone), f"--config={config}", *fixed, *arguments]


def _failure(arguments: list[str], words: list[str]) -> RcloneError:
    said = " ".join(" ".join(words).split())[-1500:]
    kind, sentence = meaning(said)
    return RcloneError(f"cannot {arguments[0]} {arguments[-1]}: {sentence} ({said})", kind)


def _entry(line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {"level": "error"}
    return entry if isinstance(entry, dict) else {}


def _message(line: str) -> str:
    return str(_entry(line).get("msg", line)).strip()


def _progress(statistics: dict[str, Any]) -> str:
    moved, total = statistics.get("bytes", 0) / 1e6, statistics.get("totalBytes", 0) / 1e6
    return f"{moved:.1f} of {total:.1f} MB moved, {statistics.get('transfers', 0)} objects"
