# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything slow about a cold copy, in a helper without network: proving it consistent, a portable
dump, and its checksums, read from a server that is started on a copy of the copy.
"""

from __future__ import annotations

import io
import os
import select
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._checksum import Checksums
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import private_directory
from ansible_collections.janus.backup.plugins.module_utils._helper import Helper
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _neo4j_bolt as bolt,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _neo4j_checksums as checksums,
)

# While the server is down nothing is quicker than this. Afterwards, looking for zeros costs a
# little time and saves the space of preallocated transaction logs.
COPY = ["cp", "--archive", "--reflink=auto", "--no-target-directory"]
SPARSE_COPY = [*COPY, "--sparse=always"]
# Puts what was copied beside a place into it. Its owner is that of what is replaced, or, where a
# killed restore left nothing, that of the directory.
EXCHANGE = """for place; do
    own=$place; [ -e "$place" ] || own=$(dirname "$place")
    chown --recursive --reference="$own" "$place.janus"
    rm -rf "$place"; mv "$place.janus" "$place"
done"""

# With stores below so many bytes a Java machine is done before its second compiler pays. On two
# cores both checks at once took 4.0 s with it off, 6.1 s with it on, 6.5 s one after the other.
_SMALL = 64 * 1024**2
_QUICK_TO_START = "server.jvm.additional=-XX:TieredStopAtLevel=1\n"

_SETTINGS = """\
server.directories.data={work}/data
server.directories.transaction.logs.root={work}/data/transactions
server.directories.logs={work}/logs
server.directories.run={work}/run
server.directories.import={work}/import
server.directories.plugins={work}/plugins
server.default_listen_address=127.0.0.1
server.bolt.listen_address=127.0.0.1:{port}
server.http.enabled=false
server.https.enabled=false
server.memory.heap.initial_size={memory}
server.memory.heap.max_size={memory}
server.memory.pagecache.size={memory}
dbms.usage_report.enabled=false
dbms.security.auth_enabled={auth}
"""

# The server is killed, not stopped: its stores are thrown away. Its own java, without a launcher
# in between, is what the dry run tells. Without network nobody reaches it but from in here, so what
# it is told and what it answers go through two pipes, until either side, or the server, ends.
_SERVE = """\
exec 4<"$2" 5>"$3"
command=$(neo4j console --dry-run)
log="$NEO4J_CONF/../server.log"
: >"$log"  # there before anybody looks into it
(eval "exec $command") >"$log" 2>&1 </dev/null 4<&- 5>&- &
server=$!
trap '{ kill -9 $(jobs -p); wait; } 2>/dev/null || true' EXIT
alive() { kill -0 $server 2>/dev/null || { tail -n 5 "$log" >&2; exit 1; }; }
until grep -q ' Started\\.$' "$log"; do
    alive
    if [ $SECONDS -gt "$4" ]; then echo "it did not start within $4 s" >&2; exit 1; fi
    sleep 0.1
done
exec 3<>"/dev/tcp/127.0.0.1/$1"
cat <&4 >&3 2>/dev/null &
cat <&3 >&5 2>/dev/null &
wait -n || true
alive
"""

# Neo4j does not start where its host's name means nothing, as in a container without network.
_NAME = """\
name=$(cat /proc/sys/kernel/hostname)
getent hosts "$name" >/dev/null || echo "127.0.0.1 $name" >>/etc/hosts
"""


def prove(
    service: dict[str, Any],
    helper: Helper,
    databases: list[str],
    data: Path,
    directory: Path,
) -> Checksums:
    """Given a service, a helper, its user databases, the cold copy, and the dump's directory, prove
    the copy consistent, add a portable dump to the directory if wanted, and return the checksums.

    The copy itself is only read. Raise BackupError if it is inconsistent or cannot be started.
    """
    options = service["options"]
    work = private_directory(directory / ".work")
    try:
        helper.run([*SPARSE_COPY, str(data), str(work / "data")])
        port = _configure(service, work)
        environment = {"NEO4J_CONF": f"{work}/conf", "HEAP_SIZE": _memory(service)}

        def prove_one(database: str) -> None:
            if options.get("check", True):
                reports = f"--report-path={work}/reports"
                _admin(helper, environment, ["database", "check", database, reports])
            if options.get("portable", False):
                target = private_directory(directory / "portable")
                _admin(helper, environment, ["database", "dump", database, f"--to-path={target}"])

        # `system` is small whatever the others are: most of its time is that of two Java machines.
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(prove_one, [*databases, "system"]))
        named = _NAME if service["runtime"] == "docker" else ""
        command = ["bash", "-euc", named + _SERVE, "bash", str(port)]
        return _read(service, helper, command, databases, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


class _Patient(io.FileIO):
    """A pipe at whose other end something has to come in good time, as on a socket."""

    def readinto(self, buffer: Any) -> int | None:
        """Read into a buffer. Raise TimeoutError if nothing comes."""
        # twice: a server that does not even start is told of by the one who starts it
        if not select.select([self], [], [], 2 * bolt.ANSWER_SECONDS)[0]:
            raise TimeoutError(f"it said nothing for {2 * bolt.ANSWER_SECONDS} s")
        return super().readinto(buffer)


def _read(
    service: dict[str, Any],
    helper: Helper,
    command: list[str],
    databases: list[str],
    work: Path,
) -> Checksums:
    """Have the helper serve the copy, and read the checksums over the pipes."""
    requests, answers = work / "requests", work / "answers"
    for pipe in (requests, answers):
        os.mkfifo(pipe, 0o600)
    # Both ends are held open here, so that neither side ever waits for the other to come.
    reader = os.open(answers, os.O_RDONLY | os.O_NONBLOCK)
    held = os.open(answers, os.O_WRONLY)
    os.set_blocking(reader, True)
    with (
        io.BufferedReader(_Patient(reader), bolt.BUFFER) as answered,
        open(os.open(requests, os.O_RDWR), "wb", 0) as asked,
        ThreadPoolExecutor(max_workers=1) as beside,
    ):

        def read() -> Checksums:
            with answered, asked:
                session = bolt.Session(answered, asked, "the server on the copy")
                session.log_in(service.get("user"), bolt.password(service))
                return checksums.read(session, databases)

        reading = beside.submit(read)
        try:
            try:
                patience = [str(requests), str(answers), str(bolt.ANSWER_SECONDS)]
                helper.run([*command, *patience], {"NEO4J_CONF": f"{work}/conf"})
            finally:
                os.close(held)
        except BackupError as error:
            if isinstance(reading.exception(), bolt.LostConnection):
                cause = str(error).partition(": ")[2]
                raise BackupError(f"the server on the copy failed: {cause}") from error
        return reading.result()


def _is_small(data: Path) -> bool:
    return sum(path.lstat().st_blocks for path in data.rglob("*")) * 512 < _SMALL


def _admin(helper: Helper, environment: dict[str, str], arguments: list[str]) -> None:
    try:
        helper.run(["neo4j-admin", *arguments], environment)
    except BackupError as error:
        cause = str(error).partition(": ")[2]
        raise BackupError(f"neo4j-admin {' '.join(arguments[:3])} failed: {cause}") from error


def _configure(service: dict[str, Any], work: Path) -> int:
    """Write the settings of a server that nobody else reaches, and return its port."""
    with socket.socket() as probe:  # only with runtime: host is there anyone to share ports with
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    for name in ("conf", "logs", "run", "import", "plugins", "reports"):
        private_directory(work / name)
    auth = "true" if service.get("user") else "false"
    settings = _SETTINGS.format(work=work, port=port, memory=_memory(service), auth=auth)
    if _is_small(work / "data"):
        settings += _QUICK_TO_START
    (work / "conf" / "neo4j.conf").write_text(settings, encoding="utf-8")
    return port


def _memory(service: dict[str, Any]) -> str:
    return str(service["options"].get("memory", "512m"))
