# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis: the RDB of one fork, the append only file cut at the same moment, checksums from the RDB.

Consistency is `snapshot`: while writes are paused for some milliseconds, users and configuration
are read, the length of the append only file is noted and BGSAVE forks. The checksums are read from
the RDB itself, loaded by a second server in the helper container, so they describe exactly what is
in it. With `checksums: live` they are read from the service: `bracketed` if nothing was written
since the fork, else `fuzzy`.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _checks, _container
from ansible_collections.janus.backup.plugins.module_utils._checksum import Checksums
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._helper import Helper
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
    _redis_moment as moments,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _redis_settings as settings,
)

LIBRARIES = ()
DUMP_HELPER: dict[str, Any] = {"volumes": "ro", "network": False}
RESTORE_HELPER: dict[str, Any] = {"volumes": "rw", "network": False}
SMOKE = "DBSIZE"
_STOP_SECONDS = 120
# What the user must be allowed to do, each in a form that changes nothing when it is only asked.
_NEEDED: list[tuple[access.Word, ...]] = [
    ("INFO",),
    ("CONFIG", "GET", "*"),
    ("CONFIG", "SET", "save", ""),
    ("CLIENT", "PAUSE", 1, "WRITE"),
    ("CLIENT", "UNPAUSE"),
    ("BGSAVE",),
    ("ACL", "LIST"),
    ("FUNCTION", "LIST"),
    ("MODULE", "LIST"),
    ("SELECT", 0),
    ("SCAN", 0),
]


def check(service: dict[str, Any]) -> dict[str, Any]:
    """Given a service, look at it and touch nothing.

    Return {version, databases: {name: keys}, appendonly, memory, bytes}. Raise BackupError if it
    does not answer, refuses the login, is too old, is part of a cluster, keeps its data on no
    volume, or if the user lacks a right.
    """
    with access.session(service) as session:
        server = session.info("server")
        version = server["redis_version"]
        if int(version.partition(".")[0]) < 7:
            raise BackupError(f"{session.place} is version {version}: 7.0 or later is needed")
        if server["redis_mode"] != "standalone":
            raise BackupError(f"{session.place} runs as {server['redis_mode']}: not supported")
        user = session.command("ACL", "WHOAMI")
        for command in _NEEDED:
            answer = session.command("ACL", "DRYRUN", user, *command)
            if answer != b"OK":
                raise BackupError(f"{session.place} says {answer.decode(errors='replace')}")
        home = settings.parse(session.command("CONFIG", "GET", "dir"))["dir"]
        files.require_volume(service, home, session.place)
        memory = int(session.info("memory")["used_memory"])
        persistence = session.info("persistence")
        keyspace = session.info("keyspace")
    return {
        "version": version,
        "databases": {
            name: int(line.partition("keys=")[2].partition(",")[0])
            for name, line in keyspace.items()
        },
        "appendonly": persistence["aof_enabled"] == "1",
        "memory": memory,
        "bytes": memory + int(persistence.get("aof_current_size", 0)),
    }


def quiesce(
    service: dict[str, Any], facts: dict[str, Any], remember: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Given a service, fork an RDB of it while its writes are paused for that moment.

    Return the token {service, run, settings, copy, unwanted, moment}. Until `resume` nothing but
    this dump saves the RDB or rewrites the append only file. Raise BackupError if this host lacks
    the memory to load the dump for its checksums.
    """
    with access.session(service) as session:
        if _wants_copy(service):
            files.require_memory(int(session.info("memory")["used_memory"]), session.place)
        before = settings.read(session)
        token: dict[str, Any] = {
            "service": service,
            "run": session.info("server")["run_id"],
            "settings": {name: before[name] for name in moments.SETTINGS},
            "copy": str(Path(service["scratch"]) / "redis.sock"),
            "unwanted": files.unwanted(service, before),
        }
        remember(token)
        for name, value in moments.SETTINGS.items():
            session.command("CONFIG", "SET", name, value)
        moment = moments.take(service, session, before)
    return {**token, "moment": moment}


def resume(token: dict[str, Any]) -> None:
    """Given a token, let writes and saves go on as before; again and again if need be."""
    if not token:
        return
    access.shut_down(Path(token["copy"]))
    service = token["service"]
    if access.runs(service):  # else what was set is gone with the process: it is in no file
        with access.session(access.await_answer([service], 60)) as session:
            if session.info("server")["run_id"] == token["run"]:
                session.command("CLIENT", "UNPAUSE")
                for name, value in token["settings"].items():
                    session.command("CONFIG", "SET", name, value)
            # A child that still saves would bring the RDB back.
            settings.await_idle(session, "rdb_bgsave_in_progress")
    if token["unwanted"]:
        files.remove(service, token["unwanted"])


def dump(
    service: dict[str, Any], token: dict[str, Any], directory: Path, helper: Helper
) -> dict[str, Any]:
    """Given a service, its token and an empty directory, copy the RDB and the append only file
    and compute the checksums.

    Return {consistency, checksums, tools}. Raise BackupError if a save or a check of the files
    fails.
    """
    moment = token["moment"]
    with access.session(service) as session:
        moments.await_saved(session)
        files.collect(moment, directory, helper)
        moments.confirm(session, moment)
        modules = files.modules(session)
    found: Checksums = {}
    kind, reason = "snapshot", None
    if not _wants_copy(service):
        found, kind, reason = _read_live(service)
    resume(token)
    tools = {"redis-server": helper.run(["redis-server", "--version"]).strip()}
    files.prove(directory, helper)
    (directory / files.USERS).write_text("\n".join(moment["users"]) + "\n", encoding="utf-8")
    configuration = {**moment["configuration"], **token["settings"]}
    saved = {"config_file": moment["config_file"], "settings": configuration}
    (directory / files.CONFIGURATION).write_text(json.dumps(saved, indent=1), encoding="utf-8")
    if _wants_copy(service):
        databases = moment["configuration"]["databases"]
        with files.loaded(helper, directory, Path(token["copy"]), databases, modules) as copy:
            found = checksums.of_data(copy)
    found |= checksums.of_server([line.encode() for line in moment["users"]], configuration)
    consistency = {"kind": kind, "reason": reason, "paused_seconds": moment["paused_seconds"]}
    return {"consistency": consistency, "checksums": found, "tools": tools}


def checksum(service: dict[str, Any]) -> Checksums:
    """Given a service, return the checksums of its data as of now."""
    with access.session(service) as session:
        found = checksums.of_server(session.command("ACL", "LIST"), settings.read(session))
        return found | checksums.of_data(session)


def query(service: dict[str, Any], target: str | None, text: str) -> Any:
    """Given a service, the number of a database and a command that only reads, return its reply.

    Raise BackupError if the server refuses, or the command could change something.
    """
    with access.session(service) as session:
        return _checks.plain([[session.read(target or "0", shlex.split(text))]])


def restore(
    service: dict[str, Any], directory: Path, helper: Helper, record: dict[str, Any], replace: bool
) -> None:
    """Given an archived dump and its record, bring data, users and configuration back.

    Raise BackupError if the server holds data of its own and replace is false.
    """
    users = (directory / files.USERS).read_text(encoding="utf-8").splitlines()
    saved = json.loads((directory / files.CONFIGURATION).read_text(encoding="utf-8"))
    configuration = saved["settings"]
    files.place_settings(directory, saved, helper)
    _start(service, helper)
    bootstrap = _await(service, configuration)
    with access.session(bootstrap) as session:
        occupied = list(session.info("keyspace")) + ["functions"] * bool(
            session.command("FUNCTION", "LIST")
        )
        if occupied and not replace:
            raise BackupError(
                f"{session.place} is not empty ({', '.join(occupied)}): "
                "refusing to overwrite it without replace"
            )
        present = settings.read(session)
        session.command("CONFIG", "SET", "save", "")  # it need not save what is replaced
    with helper.timed():
        _stop(service, helper)
        files.place_data(directory, present, Path(service["scratch"]), helper)
        _start(service, helper)
        restored = _await(service, configuration)
    with access.session(restored) as session:
        settings.apply_configuration(session, configuration)
        settings.apply_users(session, users, bool(present["aclfile"]))


def _wants_copy(service: dict[str, Any]) -> bool:
    return service["options"].get("checksums", "copy") == "copy"


def _read_live(service: dict[str, Any]) -> tuple[Checksums, str, str | None]:
    with access.session(service) as session:
        found = checksums.of_data(session)
        changes = session.info("persistence")["rdb_changes_since_last_save"]
    if changes == "0":
        return found, "bracketed", None
    return found, "fuzzy", f"{changes} changes were made while the checksums were read"


def _await(service: dict[str, Any], configuration: dict[str, str]) -> dict[str, Any]:
    """Return the service with credentials that its server accepts: its own, or, before its users
    are back, those of the default user that it was started with.
    """
    default = service | {"user": None, "password": configuration.get("requirepass", "")}
    candidates = [service, default, default | {"password": ""}]
    return access.await_answer(candidates, service.get("wait", 60))


def _stop(service: dict[str, Any], helper: Helper) -> None:
    if service["runtime"] == "docker":
        _container.stop(service["container"], _STOP_SECONDS)
    else:
        helper.run(["systemctl", "stop", service["options"].get("unit", "redis-server")])


def _start(service: dict[str, Any], helper: Helper) -> None:
    if service["runtime"] == "docker":
        _container.start(service["container"])
    else:
        helper.run(["systemctl", "start", service["options"].get("unit", "redis-server")])
