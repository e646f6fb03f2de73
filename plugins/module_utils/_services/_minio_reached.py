# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a service's server is looked at: by its interface, and by its drives where they are within
reach.
"""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_contents as contents,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_drives as drives,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_survey as survey,
)


def exact(service: dict[str, Any]) -> bool:
    """Given a service, or its record, tell whether its drives are archived themselves."""
    return bool(service["options"].get("method", "filesystem") == "filesystem")


def server(service: dict[str, Any]) -> survey.Server:
    """Given a service, return its server to look at, with the keys that it does not list.

    Raise BackupError if it does not answer, or if its drives are needed and out of reach.
    """
    api = access.Api(service)
    minio, roots = contents.is_minio(api), list[Path]()
    if exact(service) or (minio and service["runtime"] == "docker"):
        # the method s3 goes without where the drives are out of reach
        with contextlib.suppress(*([] if exact(service) else [BackupError])):
            told = drives.of(contents.information(api), api.place)
            roots = [drives.on_host(service, drive) for drive in told]
    return survey.Server(api, minio, functools.partial(drives.hidden, roots))
