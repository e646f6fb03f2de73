# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill is told: the rendered settings of its host, and what is wanted of this one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


def read(path: str) -> dict[str, Any]:
    """Given the path of /etc/janus-backup/drill.yml, return the settings in it.

    Raise BackupError if it cannot be read.
    """
    import yaml

    try:
        declared = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        settings: dict[str, Any] = declared["janus_backup_drill"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise BackupError(f"cannot read the settings of the drill in {path}: {error}") from error
    return settings


def request(instance: str) -> dict[str, Any]:
    r"""Given the instance of the drill's unit, return the wanted {archive, source, services}.

    The form is ARCHIVE[@[SOURCE][:SERVICE]…], as in latest, latest@disk, oldest@:redis:postgresql;
    \x2b and the like stand for what a unit's name cannot hold. Without a source it is the first,
    without services all of them. Raise BackupError if no archive is named.
    """
    plain = re.sub(r"\\x([0-9a-f]{2})", lambda code: chr(int(code[1], 16)), instance)
    archive, _at, rest = plain.partition("@")
    if not archive:
        raise BackupError(f"{instance} names no archive: latest, random, oldest, a name or a time")
    source, *services = rest.split(":")
    return {"archive": archive, "source": source or None, "services": [s for s in services if s]}
