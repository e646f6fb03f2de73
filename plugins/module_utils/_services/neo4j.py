# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Neo4j Community: a cold copy of all stores, taken while the server is stopped for as short as
that takes.

Consistency is `stopped`: between a graceful stop and the next start nothing but `cp` happens, and
downtime is measured and bounded. The copy is proved, dumped portably and read for checksums
afterwards, by a server of its own in a helper without network, while production runs again.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _checks, _container
from ansible_collections.janus.backup.plugins.module_utils._checksum import Checksums
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import private_directory
from ansible_collections.janus.backup.plugins.module_utils._helper import Helper, beside, inside
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _neo4j_bolt as bolt,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _neo4j_checksums as checksums,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _neo4j_copy as copy,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _neo4j_process as process,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _neo4j_shell as shell,
)

LIBRARIES = ()
DUMP_HELPER: dict[str, Any] = {"volumes": "ro", "network": False}
RESTORE_HELPER: dict[str, Any] = {"volumes": "rw", "network": False}
BEFORE_FIRST_START = True
SMOKE = "RETURN 1 AS value"
_LAYOUT = "layout.json"
_DATA = "data"
_START_SECONDS = 300
_PLACES = (
    "SHOW SETTINGS YIELD name, value WHERE name IN"
    ' ["server.directories.data", "server.directories.transaction.logs.root"] RETURN name, value'
)
_CHECKPOINT = 'SHOW PROCEDURES YIELD name WHERE name = "db.checkpoint" RETURN name'


def check(service: dict[str, Any]) -> dict[str, Any]:
    """Given a service, look at it and touch nothing.

    Return {version, databases, data, transactions, checkpoint, bytes}: its user databases, the
    directories of stores and transaction logs, whether it has the procedure for a checkpoint, and
    the space for copy, copy of the copy and portable dump. Raise BackupError if it does not answer,
    refuses the password, or a database is not online.
    """
    with bolt.session(service) as session:
        states = _states(session)
        settings = dict(map(tuple, session.rows("system", _PLACES)))
        checkpoint = bool(session.rows("system", _CHECKPOINT))
        version = session.version
    if offline := sorted(name for name, state in states.items() if state != "online"):
        raise BackupError(f"{process.place(service)}: database {', '.join(offline)} is not online")
    data = settings["server.directories.data"]
    transactions = settings["server.directories.transaction.logs.root"]
    sizes = inside(service).run(["du", "--bytes", "--summarize", f"{data}/databases", transactions])
    size = sum(int(line.split()[0]) for line in sizes.splitlines())
    return {
        "version": version,
        "databases": sorted(states.keys() - {"system"}),
        "data": data,
        "transactions": transactions,
        "checkpoint": checkpoint,
        "bytes": size * (3 if service["options"].get("portable") else 2),
    }


def quiesce(
    service: dict[str, Any], facts: dict[str, Any], remember: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Given a service and what its check found, stop it gracefully, after a checkpoint where the
    edition has that procedure.

    Return the token {target, run, facts, stopped}. Raise BackupError if it had to be killed.
    """
    if facts["checkpoint"]:
        with bolt.session(service) as session:
            for database in facts["databases"]:
                session.rows(database, "CALL db.checkpoint()", mode="w")
    target = process.target(service)
    promise = {"target": target, "run": process.run_of(target), "stop_seconds": _patience(service)}
    remember(promise)
    stopped = time.monotonic()
    process.stop(target, _patience(service))
    return {**promise, "facts": facts, "stopped": stopped}


def resume(token: dict[str, Any]) -> None:
    """Given a token, have the server running and answering; again and again if need be."""
    if not token:
        return
    target = token["target"]
    if token["run"] == process.run_of(target):
        # The very run that was to be stopped: the stop may have been ordered and be under way, and
        # a start before its end would be none.
        with contextlib.suppress(BackupError):
            process.stop(target, token["stop_seconds"])
    process.start(target)
    process.wait_until_it_answers(target, _START_SECONDS)


def dump(
    service: dict[str, Any], token: dict[str, Any], directory: Path, helper: Helper
) -> dict[str, Any]:
    """Given a service, its token and an empty directory, copy the stores, start the server again,
    and prove the copy.

    Return {consistency, checksums, tools}. Raise BackupError, with the server running again, if it
    was down longer than allowed or the copy does not hold what it should.
    """
    facts, limit = token["facts"], service["options"].get("max_downtime", 300)
    data = private_directory(directory / _DATA)
    left = limit - (time.monotonic() - token["stopped"])
    try:
        _copy_stores(helper, facts, data, left)
    except BackupError as error:
        resume(token)
        if time.monotonic() - token["stopped"] < limit:
            raise
        raise BackupError(
            f"copying the stores would have kept {process.place(service)} down for more than the "
            f"{limit} s of max_downtime; it runs again"
        ) from error
    resume(token)
    downtime = round(time.monotonic() - token["stopped"], 3)
    if downtime > limit:
        raise BackupError(
            f"{process.place(service)} was down for {downtime:.1f} s, longer than the {limit} s of "
            "max_downtime; it runs again"
        )
    layout = {key: facts[key] for key in ("data", "transactions", "databases")}
    (directory / _LAYOUT).write_text(json.dumps(layout) + "\n", encoding="utf-8")
    found = copy.prove(service, helper, facts["databases"], data, directory)
    consistency = {"kind": "stopped", "reason": None, "downtime_seconds": downtime}
    return {"consistency": consistency, "checksums": found, "tools": {}}


def checksum(service: dict[str, Any]) -> Checksums:
    """Given a service, return the checksums of its data as of now."""
    databases = check(service)["databases"]
    recorded = service.get("recorded") or {}
    if any(not value["digest"].startswith(checksums.WAY) for value in recorded.values()):
        return _printed(service, databases)
    with bolt.session(service) as session:
        return checksums.read(session, databases)


def query(service: dict[str, Any], target: str | None, text: str) -> Any:
    """Given a service, a database and Cypher that returns one column, `value`, return that, of each
    row if there are several, what JSON does not know as a text.

    Raise BackupError if the server refuses, as it does what does more than read.
    """
    with bolt.session(service) as session:
        rows = session.rows(target, f"CALL {{ {text} }} RETURN value, toStringOrNull(value)")
    return _checks.plain(
        [
            [printed if isinstance(value, bolt.Structure) and printed else value]
            for value, printed in rows
        ]
    )


def restore(
    service: dict[str, Any], directory: Path, helper: Helper, record: dict[str, Any], replace: bool
) -> None:
    """Given an archived dump and its record, put its stores in the place of the server's.

    Raise BackupError if the server holds data of its own and replace is false.
    """
    target, wait = process.target(service), service.get("wait", 120)
    layout = json.loads((directory / _LAYOUT).read_text(encoding="utf-8"))
    places = {"databases": f"{layout['data']}/databases", "transactions": layout["transactions"]}
    if not replace and not _has_never_run(service, helper, list(places.values())):
        process.start(target)  # a container that was made a moment ago makes its stores then
        process.wait_until_it_answers(target, wait)
        _refuse_unless_empty(service)
    for name, place in places.items():
        helper.run(["rm", "-rf", f"{place}.janus"])
        helper.run([*copy.SPARSE_COPY, str(directory / _DATA / name), f"{place}.janus"])
    with helper.timed():
        # What a restore that was killed left behind may not run at all.
        if process.run_of(target):
            process.stop(target, _patience(service))
        # One command, that goes on in the helper when this process is killed.
        helper.run(["sh", "-euc", copy.EXCHANGE, "sh", *places.values()])
        process.start(target)
        process.wait_until_it_answers(target, wait)
    check(service)  # with the credentials that came with the stores


def _patience(service: dict[str, Any]) -> int:
    """Return the seconds that a graceful stop may take: all that is allowed for being down."""
    return int(service["options"].get("max_downtime", 300))


def _states(session: bolt.Session) -> dict[str, str]:
    """Return the state of each database, once none of them is about to be online."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        states = dict(
            map(
                tuple,
                session.rows(
                    "system", "SHOW DATABASES YIELD name, currentStatus RETURN name, currentStatus"
                ),
            )
        )
        if "starting" not in states.values() or time.monotonic() > deadline:
            return states
        time.sleep(0.1)


def _printed(service: dict[str, Any], databases: list[str]) -> Checksums:
    """Return the checksums in the way of earlier versions: of what Cypher Shell prints."""
    scratch = private_directory(Path(service["scratch"]))
    with beside(service, [scratch], []) as helper:
        found: Checksums = shell.ask(service, helper, checksums.script(databases), checksums.summed)
    return found


def _copy_stores(helper: Helper, facts: dict[str, Any], data: Path, seconds: float) -> None:
    bound = ["timeout", "--signal=KILL", f"{max(seconds, 0.1):.1f}"]
    sources = {"databases": f"{facts['data']}/databases", "transactions": facts["transactions"]}
    for name, source in sources.items():
        helper.run([*bound, *copy.COPY, source, str(data / name)])


def _has_never_run(service: dict[str, Any], helper: Helper, places: list[str]) -> bool:
    """Tell whether a container was made and never started, and stores put there would be its first
    and its own: not those of another user, which only a start of the image would sort out.
    """
    if service["runtime"] != "docker":
        return False
    attributes = _container.inspect(service["container"], running=False)
    never, user = attributes["State"]["StartedAt"].startswith("0001-"), attributes["Config"]["User"]
    look = (
        'for place; do if [ -e "$place" ] || [ ! -d "${place%/*}" ]; then echo "$place"; fi; done'
    )
    return (
        never and user in ("", "0", "root") and not helper.run(["sh", "-euc", look, "sh", *places])
    )


def _refuse_unless_empty(service: dict[str, Any]) -> None:
    """Log in with what the dump or the new container's environment knows, and look."""
    candidates = [service]
    if service["runtime"] == "docker":
        variables = _container.environment(_container.inspect(service["container"]))
        user, slash, password = variables.get("NEO4J_AUTH", "").partition("/")
        if slash:
            candidates.append(service | {"user": user, "password": password})
    refused: BackupError | None = None
    for candidate in candidates:
        try:
            found = checksum(candidate)
        except BackupError as error:
            refused = error
            continue
        occupied = [name for name in found if " nodes " in name or " relationships " in name]
        if occupied:
            raise BackupError(
                f"{process.place(service)} is not empty ({occupied[0]}): refusing to overwrite it "
                "without replace"
            )
        return
    raise BackupError(f"cannot see whether it is empty, so replace would be needed: {refused}")
