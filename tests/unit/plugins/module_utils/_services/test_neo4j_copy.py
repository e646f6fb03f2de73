# SPDX-License-Identifier: GPL-3.0-or-later
"""How the server on a cold copy is reached: the pipes end, whoever ends first."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._helper import Helper
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _neo4j_bolt as bolt,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _neo4j_checksums as checksums,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _neo4j_copy as copy,
)

# Stands for Neo4j: shakes hands, welcomes, and then does what its argument says.
SERVER = """
import os, socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
if sys.argv[2] == "never":
    sys.exit("no room for a page cache")
if sys.argv[2] == "stuck":
    server.accept()
print("2026-01-01 INFO  Started.", flush=True)
connection, _ = server.accept()
chunk = lambda text: (len(text) // 2).to_bytes(2, "big") + bytes.fromhex(text) + bytes(2)
connection.recv(20)
connection.sendall(bytes.fromhex("00000005"))
connection.recv(1000)
if sys.argv[2] == "mute":
    connection.recv(1000)
if sys.argv[2] == "refuse":
    connection.sendall(chunk("b17fa284636f64658158876d657373616765846e6f7065"))
else:
    connection.sendall(chunk("b170a1867365727665728158"))
    rows = 1 if sys.argv[2] == "answer" else 2000
    while connection.recv(1000):
        connection.sendall(chunk("b170a0") + chunk("b1719107") * rows)
        if sys.argv[2] == "die":
            os.kill(os.getpid(), 9)
        connection.sendall(chunk("b170a0"))
connection.recv(1000)
"""


def running(folder: Path) -> list[str]:
    """Return the command lines of processes that name a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in found if str(folder) in line]


@pytest.fixture
def reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that reads a copy from a server that behaves in a way."""
    work, programs = tmp_path / "work", tmp_path / "bin"
    programs.mkdir()
    program = programs / "neo4j"
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    service = {"runtime": "host", "user": "neo4j", "password": "geheim", "options": {}}

    def read(way: str) -> Any:
        work.mkdir()
        port = copy._configure(service, work)
        (tmp_path / "server.py").write_text(SERVER, encoding="utf-8")
        program.write_text(f"#!/bin/sh\necho {sys.executable} {tmp_path}/server.py {port} {way}\n")
        program.chmod(stat.S_IRWXU)
        command = ["bash", "-euc", copy._SERVE, "bash", str(port)]
        found: list[Any] = []

        def run() -> None:
            try:
                found.append(copy._read(service, Helper(None), command, ["neo4j"], work))
            except (BackupError, ValueError) as error:
                found.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(60)
        assert not thread.is_alive(), "somebody waits for ever"
        assert not running(tmp_path), "a process is left"
        return found[0]

    return read


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """Have one statement read instead of the checksums', and return its rows."""
    found: list[list[Any]] = []

    def read(session: Any, databases: list[str]) -> int:
        found.extend(session.rows(databases[0], "RETURN 7"))
        return len(found)

    monkeypatch.setattr(checksums, "read", read)
    return found


@pytest.mark.parametrize(("way", "count"), [("answer", 1), ("flood", 2000)])
def test_what_the_server_answers_comes_through(
    way: str, count: int, reading: Any, rows: list[list[Any]]
) -> None:
    assert reading(way) == count
    assert rows == [[7]] * count


@pytest.mark.parametrize(
    ("way", "sentence"),
    [
        ("never", "the server on the copy failed: no room for a page cache"),
        ("refuse", "the server on the copy refuses: nope"),
        ("die", "the server on the copy"),
    ],
)
@pytest.mark.usefixtures("rows")
def test_a_server_that_fails_is_one_sentence(way: str, sentence: str, reading: Any) -> None:
    error = reading(way)
    assert isinstance(error, BackupError)
    assert str(error).startswith(sentence), error


@pytest.mark.parametrize(
    ("way", "sentence"),
    [
        ("stuck", "the server on the copy failed: it did not start within 1 s"),
        ("mute", "lost the connection to the server on the copy: it said nothing for 2 s"),
    ],
)
@pytest.mark.usefixtures("rows")
def test_nobody_waits_for_ever(
    way: str, sentence: str, reading: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bolt, "ANSWER_SECONDS", 1)
    assert str(reading(way)) == sentence


def test_a_reader_that_gives_up_keeps_nobody_waiting(
    reading: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def give_up(session: Any, databases: list[str]) -> None:
        next(session.read(databases[0], "RETURN 7"))
        raise ValueError("gave up")

    monkeypatch.setattr(checksums, "read", give_up)
    assert str(reading("flood")) == "gave up"
