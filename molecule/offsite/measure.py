# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure what an off-site copy moves after changes of 1 %; runs where rclone and Borg are.

    python - [SEGMENT MIB] < measure.py

A tree of 160 MB gets 1 % new in each round, in one place as a growing table has it; the oldest
archive is pruned and the repository compacted, then it is copied to a path. Prints one JSON object:
bytes that Borg added or rewrote, and bytes that the copy moved.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _borg, _offsite, _offsite_copy

SIZE, ROUNDS = 160_000_000, 4


def change(path: Path, seed: int) -> None:
    """Overwrite one per cent of a file with bytes of a seed."""
    source = random.Random(seed)
    with path.open("r+b") as stream:
        stream.seek(source.randrange(SIZE - SIZE // 100))
        stream.write(source.randbytes(SIZE // 100))


def measure(root: Path, segment: int) -> dict[str, Any]:
    """Given an empty directory and a size of segments, return what was written and moved."""
    (root / "passphrase").write_text("x")
    access = {"passphrase_file": root / "passphrase", "base_directory": root / "borg"}
    repository, data, copy = root / "repository", root / "data", root / "copy"
    copy.mkdir()
    data.write_bytes(random.Random(0).randbytes(SIZE))
    _borg.run(access, ["init", "--encryption=repokey", str(repository)])
    _borg.run(access, ["config", str(repository), "max_segment_size", str(segment << 20)])
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
    result: dict[str, Any] = {"segment_mib": segment, "written": 0, "moved": 0}
    for number in range(ROUNDS):
        if number:
            change(data, number)
        before = _offsite_copy.files(repository)
        _borg.run(access, ["create", *chunker, f"{repository}::{number}", str(data)])
        _borg.run(access, ["prune", "--keep-last=1", str(repository)])
        _borg.run(access, ["compact", str(repository)])
        after = _offsite_copy.files(repository)
        written = sum(
            size
            for name, (size, _time) in after.items()
            if name.startswith("data/") and before.get(name, (0, 0))[0] != size
        )
        state = _offsite.copy(target, state, False)
        if number:
            result["written"] += written
            result["moved"] += state["bytes_moved"]
    result["ratio"] = round(result["moved"] / result["written"], 3)
    result["growth"] = (ROUNDS - 1) * SIZE // 100
    result["moved_per_growth"] = round(result["moved"] / result["growth"], 3)
    return result


def main() -> None:
    """Measure with the size of segments on the command line, 64 MiB if none is there."""
    os.umask(0o077)
    with tempfile.TemporaryDirectory() as directory:
        print(json.dumps(measure(Path(directory), int(sys.argv[1]) if sys.argv[1:] else 64)))


if __name__ == "__main__":
    main()
