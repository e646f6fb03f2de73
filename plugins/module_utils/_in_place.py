# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trees that an archive takes from where they are, because a copy in staging would cost too much.

Such a tree lies at <base>/staging/<job>/<service>/<name>, and Borg is given it as
<base>/./staging/<job>/<service>/<name>: it leaves out what is before the dot (`borg help create`),
so that in the archive the tree is beside the files that were staged.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

ROOTS = "roots"
_DEPTH = 4


def tree(base: Path, service: dict[str, Any], name: str) -> Path:
    """Given a directory outside staging, a service and a name, return where a tree of it has to
    be to appear in the service's directory of the archive under that name.
    """
    return base / "staging" / service["job"] / service["name"] / name


def describe(path: Path) -> dict[str, Any]:
    """Given such a tree, return {path (in staging), root (for Borg), bytes, file_count}."""
    size = files = 0
    for folder, _folders, names in os.walk(path):
        for name in names:
            size += os.lstat(os.path.join(folder, name)).st_size
            files += 1
    inside = Path(*path.parts[-_DEPTH:])
    return {
        "path": str(Path(*inside.parts[2:])),
        "root": f"{path.parents[_DEPTH - 1]}/./{inside}",
        "bytes": size,
        "file_count": files,
    }


def patterns(services: dict[str, Any]) -> str:
    """Given the services of a manifest, return the lines that tell Borg of their trees."""
    found = [entry["root"] for record in services.values() for entry in record.get("in_place", [])]
    return "".join(f"R {root}\n" for root in found)
