# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a tar file that depends on nothing but the names, contents and execute bits of its files.

    python bundle.py DIRECTORY SOURCE...

Each source goes in under its own name; one that ends in / stands for what is in it. Hidden files
and bytecode are left out. The file is written into the directory and named by its hash; both are
told as JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO


def members(sources: list[str]) -> Iterator[tuple[str, Path]]:
    """Given sources, yield the name in the bundle and the path of each file, in no special order.

    Raise FileNotFoundError if a source does not exist.
    """
    for source in sources:
        root = Path(source)
        base = root if source.endswith("/") else root.parent
        if not root.exists():
            raise FileNotFoundError(f"{root} does not exist")
        for path in [root] if root.is_file() else root.rglob("*"):
            name = path.relative_to(base)
            hidden = any(part.startswith(".") or part == "__pycache__" for part in name.parts)
            if path.is_file() and not hidden and path.suffix != ".pyc":
                yield str(name), path


def write(sources: list[str], stream: IO[bytes]) -> None:
    """Given sources, write their files to a stream as a tar file."""
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as bundle:
        for name, path in sorted(members(sources)):
            member = tarfile.TarInfo(name)
            member.size = path.stat().st_size
            member.mode = 0o755 if os.access(path, os.X_OK) else 0o644
            with path.open("rb") as content:
                bundle.addfile(member, content)


def bundle(directory: Path, sources: list[str]) -> dict[str, str]:
    """Given a directory and sources, write the bundle there and return its file and hash."""
    with tempfile.NamedTemporaryFile(dir=directory, delete=False) as stream:
        write(sources, stream)
    with open(stream.name, "rb") as written:
        digest = hashlib.file_digest(written, "sha256").hexdigest()[:16]
    target = directory / f"bundle-{digest}.tar"
    os.replace(stream.name, target)
    return {"file": str(target), "hash": digest}


if __name__ == "__main__":
    print(json.dumps(bundle(Path(sys.argv[1]), sys.argv[2:])))
