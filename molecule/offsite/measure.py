# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure what an off-site copy moves after changes of 1 %; runs where rclone and Borg are.

    python - [--segment MIB] [--pieces N] [--threshold PERCENT] [--rounds N] < measure.py

A tree of 160 MB gets 1 % new in each round: in one place as a growing table has it, or in many. It
is copied to a path before anything is pruned, as on a day without compaction, and again after the
oldest archive is pruned and the repository compacted. Prints one JSON object: bytes by which the
repository grew and that were moved then, bytes of the segments that compaction wrote anew and that
were moved then.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _borg, _offsite, _offsite_copy

SIZE = 160_000_000


def change(path: Path, seed: int, pieces: int) -> None:
    """Overwrite one per cent of a file, in so many places, with bytes of a seed."""
    source, length = random.Random(seed), SIZE // 100 // pieces
    with path.open("r+b") as stream:
        for _piece in range(pieces):
            stream.seek(source.randrange(SIZE - length))
            stream.write(source.randbytes(length))


def written(before: dict[str, Any], after: dict[str, Any]) -> int:
    """Return the bytes of the segments that are new since, or that grew."""
    return sum(
        size
        for name, (size, _time) in after.items()
        if name.startswith("data/") and before.get(name, (0, 0))[0] != size
    )


def total(files: dict[str, Any]) -> int:
    """Return the size of a repository."""
    return sum(size for size, _time in files.values())


def measure(root: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Given an empty directory and what to measure, return what was written and moved."""
    (root / "passphrase").write_text("x")
    access = {"passphrase_file": root / "passphrase", "base_directory": root / "borg"}
    repository, data, copy = root / "repository", root / "data", root / "copy"
    copy.mkdir()
    data.write_bytes(random.Random(0).randbytes(SIZE))
    _borg.run(access, ["init", "--encryption=repokey", str(repository)])
    _borg.run(access, ["config", str(repository), "max_segment_size", str(options.segment << 20)])
    (root / "rclone.conf").touch()
    target: dict[str, Any] = {
        "name": "copy",
        "type": "path",
        "node": "n",
        "state": str(root / "state"),
        "metrics": None,
        "rclone_config": str(root / "rclone.conf"),
        "remote": str(copy),
        "path": str(copy),
        "window": None,
        "bandwidth": None,
        "max_shrink": 100,
        "max_removed": 100,
        "external": False,
        "data": [],
        "services": [],
        "borg": access,
        "repository": str(repository),
    }
    state: dict[str, Any] = {}
    chunker = ["--chunker-params=buzhash,10,23,14,4095", "--compression=none"]
    result: dict[str, Any] = {**vars(options), "changed": options.rounds * SIZE // 100}
    result |= dict.fromkeys(("grown", "moved", "rewritten", "moved_after_compact"), 0)
    for number in range(options.rounds + 1):
        if number:
            change(data, number, options.pieces)
        before = _offsite_copy.files(repository)
        _borg.run(access, ["create", *chunker, f"{repository}::{number}", str(data)])
        after = _offsite_copy.files(repository)
        state = _offsite.copy(target, state, False)
        if not number:
            continue
        result["grown"] += total(after) - total(before)
        result["moved"] += state["bytes_moved"]
        before = _offsite_copy.files(repository)
        _borg.run(access, ["prune", "--keep-last=1", str(repository)])
        _borg.run(access, ["compact", f"--threshold={options.threshold}", str(repository)])
        result["rewritten"] += written(before, _offsite_copy.files(repository))
        state = _offsite.copy(target, state, False)
        result["moved_after_compact"] += state["bytes_moved"]
    both = result["moved"] + result["moved_after_compact"]
    kept = total(_offsite_copy.files(repository))
    return {
        **result,
        "moved_per_growth": round(result["moved"] / result["grown"], 3),
        "moved_per_rewritten": round(result["moved_after_compact"] / result["rewritten"], 3),
        "all_moved_per_growth": round(both / result["grown"], 3),
        "repository_per_data": round(kept / SIZE, 3),
    }


def main() -> None:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(description="Measure what an off-site copy moves.")
    parser.add_argument("--segment", type=int, default=64, help="size of segments in MiB")
    parser.add_argument("--pieces", type=int, default=1, help="in how many places it changes")
    parser.add_argument("--threshold", type=int, default=50, help="borg compact's, in percent")
    parser.add_argument("--rounds", type=int, default=3, help="how often it changes")
    options = parser.parse_args()
    os.umask(0o077)
    with tempfile.TemporaryDirectory() as directory:
        print(json.dumps(measure(Path(directory), options)))


if __name__ == "__main__":
    main()
