# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Redis lacks that was started with restored data: what its predecessor was told while it
ran, and kept in no file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._checksum import differences
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _redis_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _redis_checksums as checksums,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _redis_files as files,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _redis_settings as settings,
)

LIBRARIES = ()


def missing(service: dict[str, Any], directory: Path) -> list[str]:
    """Given a service and its dump, return one sentence for each user or setting that differs."""
    users, configuration = _dumped(directory)
    with access.session(service) as session:
        present = checksums.of_server(session.command("ACL", "LIST"), settings.read(session))
    wanted = checksums.of_server([user.encode() for user in users], configuration)
    return differences(wanted, present)


def bring_back(service: dict[str, Any], directory: Path) -> None:
    """Given a service and its dump, set what can be set while it runs. Raise BackupError if a user
    is refused.
    """
    users, configuration = _dumped(directory)
    with access.session(service) as session:
        settings.apply_configuration(session, configuration)
        settings.apply_users(session, users, bool(settings.read(session)["aclfile"]))


def _dumped(directory: Path) -> tuple[list[str], dict[str, str]]:
    users = (directory / files.USERS).read_text(encoding="utf-8").splitlines()
    saved = json.loads((directory / files.CONFIGURATION).read_text(encoding="utf-8"))
    return users, saved["settings"]
