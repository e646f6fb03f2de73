# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which versions of which tools had a hand in something."""

from __future__ import annotations

import platform
from importlib import metadata

from ansible_collections.janus.backup.plugins.module_utils import _container
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

_PACKAGES = ("ansible-core", "borgmatic", "borgbackup", "docker", "psycopg2-binary")


def versions(collection: str) -> dict[str, str]:
    """Given the collection's version, return the versions of all tools on this host."""
    found = {"janus.backup": collection, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    try:
        found["docker engine"] = _container.client().version()["Version"]
    except (BackupError, ImportError):
        found["docker engine"] = "none"
    return found
