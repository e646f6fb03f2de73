# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history of drills: one report after the other, each naming the hash of the one before it.

    <directory>/000012-janus-drill-….json       a report, with its `sequence` and `previous`
    <directory>/000012-janus-drill-….json.sig   its signature, as by `ssh-keygen -Y sign`
    <directory>/.head                           sequence and hash of the last report

An edited or missing report breaks the chain, `.head` shows that the last one is missing, and a
signature that whoever edits cannot make shows that all of it was written anew.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import (
    private_directory,
    sha256,
    write_atomically,
)

NAMESPACE = "janus-backup-drill"
_HEAD = ".head"


def reports(directory: Path) -> list[Path]:
    """Given the history's directory, return its reports, the oldest first."""
    return sorted(directory.glob("[0-9][0-9][0-9][0-9][0-9][0-9]-*.json"))


def read(directory: Path) -> list[dict[str, Any]]:
    """Given the history's directory, return what its reports say, the oldest first, without those
    that cannot be read.
    """
    found = []
    for path in reports(directory):
        try:
            found.append(json.loads(path.read_text(encoding="utf-8")))
        except ValueError:
            continue
    return found


def append(directory: Path, report: dict[str, Any], key: Path | None) -> Path:
    """Given a report, give it its place in the chain, sign it when there is a key, and write it.

    Return its path. Raise BackupError if the key cannot sign; nothing is written then.
    """
    private_directory(directory)
    with (directory / ".lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        head = _head(directory)
        sequence = head["sequence"] + 1
        path = directory / f"{sequence:06}-{report['drill']}.json"
        chained = {
            **report,
            "sequence": sequence,
            "previous": head["sha256"],
            "signer": _fingerprint(key) if key else None,
        }
        unsigned = directory / ".report"
        write_atomically(unsigned, json.dumps(chained, indent=2, ensure_ascii=False) + "\n")
        if key:
            _keygen("-Y", "sign", "-q", "-f", str(key), "-n", NAMESPACE, str(unsigned))
            os.replace(f"{unsigned}.sig", f"{path}.sig")  # first: a report is never without its own
        os.replace(unsigned, path)
        written = {"sequence": sequence, "sha256": sha256(path)}
        write_atomically(directory / _HEAD, json.dumps(written) + "\n")
    return path


def _head(directory: Path) -> dict[str, Any]:
    """Return sequence and hash of the last report, also when it is gone or its note is late."""
    noted: dict[str, Any] = {"sequence": 0, "sha256": None}
    if (directory / _HEAD).is_file():
        noted = json.loads((directory / _HEAD).read_text(encoding="utf-8"))
    if (present := reports(directory)) and int(present[-1].name[:6]) > noted["sequence"]:
        return {"sequence": int(present[-1].name[:6]), "sha256": sha256(present[-1])}
    return noted


def verify(directory: Path, signers: Path | None) -> list[str]:
    """Given a history and a file of allowed signers (ssh-keygen(1)), or none, return one sentence
    for each report that is missing, edited, or not signed as it should be.
    """
    problems, expected, previous, signed = [], 1, None, False
    for path in reports(directory):
        try:
            report = json.loads(path.read_text(encoding="utf-8"))
            sequence = int(path.name[:6])
            missing = range(expected, sequence)
            problems += [f"report {number:06} is missing" for number in missing]
            if report["sequence"] != sequence:
                problems.append(f"{path.name} says that it is report {report['sequence']:06}")
            elif not missing and report["previous"] != previous:
                problems.append(f"{path.name} does not follow the report before it: one was edited")
            if signers and (problem := _unsigned(path, report["signer"], signers, signed)):
                problems.append(problem)
            signed = signed or bool(report["signer"])
            expected = sequence + 1
        except (ValueError, KeyError, TypeError) as error:
            problems.append(f"{path.name} cannot be read: {error}")
            expected = int(path.name[:6]) + 1
        previous = sha256(path)
    if (directory / _HEAD).is_file():
        head = json.loads((directory / _HEAD).read_text(encoding="utf-8"))
        last = head["sequence"]
        problems += [f"report {number:06} is missing" for number in range(expected, last + 1)]
        if last == expected - 1 and head["sha256"] != previous:
            problems.append(f"report {last:06} was edited")
    return problems


def _unsigned(path: Path, signer: str | None, signers: Path, before: bool) -> str | None:
    """Return what is wrong with the signature of a report. One without is right only as long as
    none before it had one.
    """
    if signer is None:
        return f"{path.name} is not signed, but one before it is" if before else None
    signature = Path(f"{path}.sig")
    if not signature.is_file():
        return f"{path.name} has lost its signature"
    try:
        common = ["-s", str(signature), "-f", str(signers)]
        principal = _keygen("-Y", "find-principals", *common).splitlines()[0]
        arguments = ["-Y", "verify", *common, "-I", principal, "-n", NAMESPACE]
        _keygen(*arguments, stdin=path.read_bytes())
    except BackupError as error:
        return f"{path.name} is not signed by an allowed signer: {error}"
    return None


def _fingerprint(key: Path) -> str:
    return _keygen("-l", "-f", str(key)).split()[1]


def _keygen(*arguments: str, stdin: bytes = b"") -> str:
    try:
        done = subprocess.run(
            ["ssh-keygen", *arguments], input=stdin, capture_output=True, check=False
        )
    except FileNotFoundError as error:
        raise BackupError("there is no ssh-keygen on this host") from error
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).decode(errors="replace").split())
        raise BackupError(f"ssh-keygen failed: {said}")
    return done.stdout.decode()
