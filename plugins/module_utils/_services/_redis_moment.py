# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one moment that a dump of Redis describes: the fork of the RDB, and how long the append only
file is at the same time.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _container
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _redis_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _redis_aof as aof,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _redis_settings as settings,
)

# While a dump is made: no other save and no rewrite in between, and an RDB whose unchanged parts
# stay unchanged bytes, which BorgBackup can deduplicate.
SETTINGS = {"save": "", "auto-aof-rewrite-percentage": "0", "rdbcompression": "no"}
_PAUSE_SECONDS = 3.0
_ATTEMPTS = 5


def take(
    service: dict[str, Any], session: access.Session, configuration: dict[str, str]
) -> dict[str, Any]:
    """Given a service, a session and the configuration before, fork the RDB.

    Return {users, configuration, rdb, aof, paused_seconds, saves}. Raise BackupError if the append
    only file does not come to rest.
    """
    folder = Path(configuration["dir"]) / configuration["appenddirname"]
    place = folder
    if service["runtime"] == "docker":
        place = _container.host_path(_container.inspect(service["container"]), folder)
    for _attempt in range(_ATTEMPTS):
        settings.await_idle(
            session, "rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled"
        )
        started = time.monotonic()
        session.command("CLIENT", "PAUSE", int(_PAUSE_SECONDS * 1000), "WRITE")
        try:
            found = _fork(place, folder, session, configuration)
        finally:
            session.command("CLIENT", "UNPAUSE")
        if found:
            return {**found, "paused_seconds": round(time.monotonic() - started, 4)}
    raise BackupError(f"{session.place} could not be saved: it saves, or writes, without a pause")


def _fork(
    place: Path, folder: Path, session: access.Session, configuration: dict[str, str]
) -> dict[str, Any] | None:
    config_file = session.info("server")["config_file"]
    log, rest = None, ""
    if configuration["appendonly"] == "yes":
        rest = _flushed(session)
        log = aof.look(place, folder, configuration["appendfilename"])
    # In one piece, so that nothing comes in between, even should the pause have run out.
    session.send([("INFO", "persistence"), ("ACL", "LIST"), ("CONFIG", "GET", "*"), ("BGSAVE",)])
    persistence = access.parse_info(session.reply())
    users, now = session.reply(), settings.parse(session.reply())
    try:
        session.reply()
    except BackupError as error:
        if "already in progress" in str(error) or "child process is active" in str(error):
            return None
        raise
    if log and (persistence["aof_current_size"] != rest or persistence["aof_buffer_length"] != "0"):
        return None
    return {
        "users": [line.decode() for line in users],
        "configuration": now,
        "rdb": str(Path(configuration["dir"]) / configuration["dbfilename"]),
        "aof": log,
        "config_file": config_file,
        "saves": int(persistence["rdb_saves"]),
    }


def _flushed(session: access.Session) -> str:
    """Wait until the append only file holds all that was written; return its size by INFO."""
    deadline = time.monotonic() + _PAUSE_SECONDS * 0.9
    while True:
        persistence = session.info("persistence")
        if persistence["aof_buffer_length"] == "0" or time.monotonic() > deadline:
            return persistence["aof_current_size"]
        time.sleep(0.001)


def await_saved(session: access.Session) -> None:
    """Given a session, return once its RDB is whole. Raise BackupError if saving
    failed.
    """
    persistence = settings.await_idle(session, "rdb_bgsave_in_progress", seconds=24 * 3600)
    if persistence["rdb_last_bgsave_status"] != "ok":
        raise BackupError(f"{session.place} could not save its RDB: its log tells why")


def confirm(session: access.Session, moment: dict[str, Any]) -> None:
    """Given a session and the moment, raise BackupError if another save came in between: the copy
    might be that one's.
    """
    persistence = session.info("persistence")
    saves = int(persistence["rdb_saves"])
    if saves != moment["saves"] + 1 or persistence["rdb_bgsave_in_progress"] != "0":
        raise BackupError(f"somebody else had {session.place} save its data during the dump")
