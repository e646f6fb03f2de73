# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One service's dump, whatever the service: space, helper, quiesce, dump, resume, record.

Nothing half-written looks finished: the dump grows in <staging>/.<service>.partial and is renamed
once its record, the last file, is in it.
"""

from __future__ import annotations

import json
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _container, _in_place, _manifest
from ansible_collections.janus.backup.plugins.module_utils._checksum import canonical
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import (
    private_directory,
    read_secret,
    remove_tree,
    require_space,
    write_atomically,
)
from ansible_collections.janus.backup.plugins.module_utils._helper import beside

CREDENTIAL = "credential"


def utc_now() -> str:
    """Return the present moment, UTC, as ISO 8601 with a Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def reason(service: dict[str, Any], staging: Path) -> str | None:
    """Given a service and a run's staging, return why to dump it, or None if it has been."""
    if (staging / service["name"] / _manifest.RECORD).is_file():
        return None
    return f"dump {service['name']} into {staging / service['name']}"


def journal(service: dict[str, Any]) -> Path:
    """Given a service, return the file that tells `_cleanup` what to resume after a crash."""
    return (
        Path(service["state_directory"]) / "quiesced" / service["job"] / f"{service['name']}.json"
    )


def dump(
    implementation: ModuleType, service: dict[str, Any], facts: dict[str, Any], staging: Path
) -> dict[str, Any]:
    """Given a service's implementation, the service, what its check found, and the run's staging
    directory, dump it and return its record.

    Raise BackupError if there is no space or anything fails; the service is resumed and nothing is
    left in staging then.
    """
    if not staging.is_dir():
        raise BackupError(f"there is no staging directory {staging}")
    require_space(staging, facts["bytes"], f"the dump of {service['name']}")
    started, clock = utc_now(), time.monotonic()
    partial = staging / f".{service['name']}.partial"
    remove_tree(partial)
    private_directory(partial)
    scratch = private_directory(Path(service["scratch"]))
    try:
        with beside(service, [partial, scratch], [], **implementation.DUMP_HELPER) as helper:
            result = _quiesced_dump(implementation, service, facts, partial, helper)
        record = {
            "status": "dumped",
            "type": implementation.__name__.rpartition(".")[2],
            "runtime": service["runtime"],
            "started": started,
            "consistency": result["consistency"],
            "tools": {"server": facts["version"], **result["tools"]},
            "bytes": facts["bytes"],
            "user": service["user"],
            "options": service["options"],
            "checksums": result["checksums"],
        }
        if "in_place" in result:
            record["in_place"] = [_in_place.describe(path) for path in result["in_place"]]
        if service.get("password_file"):
            write_atomically(partial / CREDENTIAL, read_secret(service["password_file"]))
        if getattr(implementation, "BELOW_ROOT", False):
            record["below_root"] = True
        if getattr(implementation, "BEFORE_FIRST_START", False):
            record["before_first_start"] = True
        if service["runtime"] == "docker":
            attributes = _container.inspect(service["container"])
            record["container"] = _container.specification(attributes)
            _container.keep_configuration(record["container"], partial)
        record |= _finish(service["name"], partial, staging)
        record |= {"finished": utc_now(), "seconds": round(time.monotonic() - clock, 3)}
        finished = staging / service["name"]
        write_atomically(partial / _manifest.RECORD, canonical(record) + "\n")
        partial.rename(finished)
        return record
    except OSError as error:
        raise BackupError(f"cannot write the dump: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(scratch, ignore_errors=True)


def _quiesced_dump(
    implementation: ModuleType,
    service: dict[str, Any],
    facts: dict[str, Any],
    directory: Path,
    helper: Any,
) -> dict[str, Any]:
    path = journal(service)
    token: dict[str, Any] = {}

    def remember(promise: dict[str, Any]) -> None:
        token.update(promise)
        private_directory(path.parent)
        write_atomically(path, json.dumps({"type": implementation.__name__, "token": promise}))

    result: dict[str, Any] = {}
    try:
        token.update(implementation.quiesce(service, facts, remember))
        result = implementation.dump(service, token, directory, helper)
    finally:
        # What is archived in place has to stay: `_cleanup` resumes when the run ends.
        if "in_place" not in result:
            implementation.resume(token)
            path.unlink(missing_ok=True)
    return result


def _finish(name: str, partial: Path, staging: Path) -> dict[str, Any]:
    found = _manifest.artefacts(partial, staging)
    for artefact in found:
        artefact["path"] = artefact["path"].replace(partial.name, name, 1)
    return {"artefacts": found}
