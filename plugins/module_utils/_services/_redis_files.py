# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a Redis dump: collected from the service's volume, proved, loaded for a look, and
put in place again.

    dump.rdb  appendonlydir/…  users.acl  configuration.json  redis.conf (where it has one)
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _container
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._helper import Helper, beside
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _redis_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _redis_aof as aof,
)

RDB = "dump.rdb"
AOF = "appendonlydir"
USERS = "users.acl"
CONFIGURATION = "configuration.json"
_MANIFEST = "appendonly.aof.manifest"
# Beside the place, for the owner of the directory, and then renamed: never half there.
_PLACE = """set -e
owner=$(stat -c %u:%g "$(dirname "$2")")
rm -rf "$2.janus"
cp -R "$1" "$2.janus"
chown -R "$owner" "$2.janus"
rm -rf "$2"
mv "$2.janus" "$2"
sync"""
# Only what is not there: a file of the deployment is not overwritten.
_PLACE_MISSING = '[ -e "$2" ] || [ ! -d "$(dirname "$2")" ] || {\n' + _PLACE + "\n}"


def require_memory(needed: int, place: str) -> None:
    """Given the memory that a server uses, raise BackupError if this host has not as much left."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    available = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}["MemAvailable"]
    if available < needed:
        raise BackupError(
            f"{place} uses {needed / 1e6:.0f} MB and {available / 1e6:.0f} MB of memory are "
            "available: not enough to load its dump for the checksums; with the option checksums: "
            "live they are read from the service itself"
        )


def unwanted(service: dict[str, Any], configuration: dict[str, str]) -> str | None:
    """Given a service and its configuration, return the path of the RDB that saving will create
    and that must not stay, or None.

    A server that keeps nothing over a restart would begin with that file at the next one.
    """
    if configuration["save"] or configuration["appendonly"] == "yes":
        return None
    path = str(Path(configuration["dir"]) / configuration["dbfilename"])
    with beside(service, [], [], volumes="ro", network=False) as helper:
        there = helper.run(["sh", "-c", '[ ! -e "$1" ] || echo there', "sh", path]).strip()
    return None if there else path


def remove(service: dict[str, Any], path: str) -> None:
    """Given a service and a file in its data directory, remove it, whether the service runs or not.

    A container that is gone has taken what there was to remove.
    """
    if service["runtime"] == "docker":
        try:
            _container.inspect(service["container"], running=False)
        except BackupError:
            return
    with beside(service, [], [], volumes="rw", network=False) as helper:
        helper.run(["rm", "-f", path])


def require_volume(service: dict[str, Any], directory: str, place: str) -> None:
    """Given a service and its data directory, raise BackupError if that is in the container itself,
    where no other container can read it.
    """
    if service["runtime"] != "docker":
        return
    mounts = _container.inspect(service["container"])["Mounts"]
    if not any(Path(directory).is_relative_to(mount["Destination"]) for mount in mounts):
        raise BackupError(f"{place} keeps its data in {directory}, which is on no volume")


def modules(session: access.Session) -> list[str]:
    """Given a session, return the arguments that make another server load the same modules."""
    arguments: list[str] = []
    for module in session.command("MODULE", "LIST"):
        fields = dict(zip(module[::2], module[1::2], strict=True))
        arguments += ["--loadmodule", fields[b"path"].decode()]
        arguments += [argument.decode() for argument in fields[b"args"]]
    return arguments


def collect(moment: dict[str, Any], directory: Path, helper: Helper) -> None:
    """Given the moment and a directory, copy the RDB, the append only file as long as it was then,
    and the configuration file.

    Raise BackupError if one is not there any more.
    """
    helper.run(["cp", moment["rdb"], str(directory / RDB)])
    if moment["config_file"]:
        helper.run(["cp", moment["config_file"], str(directory / "redis.conf")])
    if not (log := moment["aof"]):
        return
    target = directory / AOF
    target.mkdir(mode=0o700)
    for name, _number, _kind in log["entries"]:
        helper.run(["cp", str(Path(log["folder"]) / name), str(target / name)])
    last = target / log["entries"][-1][0]
    if last.stat().st_size < log["cut"]:
        raise BackupError(f"{last.name} became shorter during the dump")
    os.truncate(last, log["cut"])
    helper.run(["cp", log["manifest"], str(target / _MANIFEST)])
    if aof.parse((target / _MANIFEST).read_text(encoding="utf-8")) != log["entries"]:
        raise BackupError("somebody else had the append only file rewritten during the dump")
    (target / _MANIFEST).write_text(aof.text(log["entries"]), encoding="utf-8")


def prove(directory: Path, helper: Helper) -> None:
    """Given a dump, have Redis check its files. Raise BackupError if one is damaged."""
    helper.run(["redis-check-rdb", str(directory / RDB)])
    if (directory / AOF).is_dir():
        helper.run(["redis-check-aof", str(directory / AOF / _MANIFEST)])


@contextlib.contextmanager
def loaded(
    helper: Helper, directory: Path, socket: Path, databases: str, arguments: list[str]
) -> Iterator[access.Session]:
    """Given a dump, yield a session of a second server that has loaded its RDB, writes nothing and
    is reached by the socket only. Raise BackupError if it cannot load it.
    """
    log = socket.with_name("redis.log")
    helper.run(
        [
            "redis-server",
            *("--daemonize", "yes"),
            *("--port", "0"),
            *("--unixsocket", str(socket)),
            *("--unixsocketperm", "600"),
            *("--pidfile", str(socket.with_name("redis.pid"))),
            *("--logfile", str(log)),
            *("--dir", str(directory)),
            *("--dbfilename", RDB),
            *("--appendonly", "no"),
            *("--save", ""),
            *("--databases", databases),
            *arguments,
        ]
    )
    try:
        session = access.open_socket(socket, "the second server for the checksums", log)
        try:
            yield session
        finally:
            session.close()
    finally:
        access.shut_down(socket)


def place_settings(directory: Path, saved: dict[str, Any], helper: Helper) -> None:
    """Given a dump and what it saved of the configuration, put the configuration file and the file
    of users where the server wants them and they are missing: it would not start.
    """
    for source, path in (
        (directory / "redis.conf", saved["config_file"]),
        (directory / USERS, saved["settings"]["aclfile"]),
    ):
        if path:
            path = str(Path(saved["settings"]["dir"]) / path)
            helper.run(["sh", "-c", _PLACE_MISSING, "sh", str(source), path])


def place_data(
    directory: Path, configuration: dict[str, str], scratch: Path, helper: Helper
) -> None:
    """Given a dump, the configuration of a server that is stopped, and a directory for a while,
    put the data where the server will read it.

    With an append only file it reads nothing else, never the RDB: then it gets the one of the dump,
    or, when the dump has none, one that has the RDB as its base.
    """
    home = Path(configuration["dir"])
    if configuration["appendonly"] != "yes":
        place = str(home / configuration["dbfilename"])
        helper.run(["sh", "-c", _PLACE, "sh", str(directory / RDB), place])
        return
    if (directory / AOF).is_dir():
        source = directory / AOF
        entries = aof.parse((source / _MANIFEST).read_text(encoding="utf-8"))
        files = {source / name: name for name, _number, _kind in entries}
    else:
        entries = [(f"{configuration['appendfilename']}.1.base.rdb", 1, "b")]
        files = {directory / RDB: entries[0][0]}
    manifest = scratch / "manifest"
    manifest.write_text(aof.text(entries), encoding="utf-8")
    files[manifest] = f"{configuration['appendfilename']}.manifest"
    folder = home / configuration["appenddirname"]
    built = home / ".janus.appendonly"
    helper.run(["rm", "-rf", str(built)])
    helper.run(["mkdir", "-m", "755", str(built)])
    for source, name in files.items():
        helper.run(["cp", str(source), str(built / name)])
    helper.run(["sh", "-c", _PLACE, "sh", str(built), str(folder)])
    helper.run(["rm", "-rf", str(built)])
    manifest.unlink()
