# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the Neo4j service needs no server."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._helper import Helper
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
from ansible_collections.janus.backup.plugins.module_utils._services import (
    neo4j,
)

TARGET = {"runtime": "docker", "container": "neo"}


def printed(script: shell.Script, *rows: str) -> list[bytes]:
    """Return rows as the lines that Cypher Shell prints, each after a title."""
    text = "".join(f'{script.word}, head, body\n"{script.word}", {row}\n' for row in rows)
    return text.encode().splitlines(keepends=True)


def summed(*rows: str) -> dict[str, Any]:
    script = shell.Script()
    return checksums.summed(script.rows(printed(script, *rows)))


def test_rows_survive_line_feeds_quotes_and_titles_in_values() -> None:
    script = shell.Script()
    found = list(
        script.rows(
            printed(
                script,
                '["node", "a \\"b\\" \\\\ \\n c"], ["raw\nline", "janus, head, body"]',
                '["user", "x"], NULL',
            )
        )
    )
    assert [head for head, _ in found] == [["node", 'a "b" \\ \n c'], ["user", "x"]]
    assert found[0][1] == b', ["raw\nline", "janus, head, body"]\n'


def test_no_data_can_look_like_the_start_of_a_row() -> None:
    assert shell.Script().word != shell.Script().word


def test_the_order_of_rows_does_not_matter_but_every_value_does() -> None:
    one, two = '["node", "neo4j", "A"], ["1", [["k", 1]]]', '["node", "neo4j", "A"], ["2", []]'
    assert summed(one, two) == summed(two, one)
    assert summed(one, two) != summed(one.replace("1]]]", "1.0]]]"), two)
    assert summed(one, one) != summed(two, two)


def test_objects_are_named_after_labels_types_and_names() -> None:
    found = summed(
        '["node", "neo4j", "B", "A \\"q\\""], 1',
        '["node", "neo4j"], 2',
        '["relationship", "neo4j", "T"], 3',
        '["index", "neo4j", "i"], 4',
        '["user", "u"], 5',
    )
    assert list(found) == [
        'database "neo4j" nodes with label "B"',
        'database "neo4j" nodes with label "A \\"q\\""',
        'database "neo4j" nodes without label',
        'database "neo4j" relationships of type "T"',
        'database "neo4j" index "i"',
        'user "u"',
    ]
    assert found['database "neo4j" nodes without label']["count"] == 1
    assert "count" not in found['user "u"']


def test_a_node_with_other_labels_is_another_node() -> None:
    name = 'database "neo4j" nodes with label "A"'
    row = '["node", "neo4j", "A", "B"], 1'
    assert summed(row)[name] == summed('["node", "neo4j", "B", "A"], 1')[name]
    assert summed(row)[name] != summed('["node", "neo4j", "A"], 1')[name]


class Engine:
    """Stands for the process functions and notes what is asked of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, run: str | None) -> None:
        self.asked: list[str] = []
        monkeypatch.setattr(process, "run_of", lambda target: run)
        monkeypatch.setattr(process, "stop", lambda target, seconds: self.asked.append("stop"))
        monkeypatch.setattr(process, "start", lambda target: self.asked.append("start"))
        monkeypatch.setattr(process, "wait_until_it_answers", lambda target, seconds: None)


TOKEN = {"target": TARGET, "run": "first", "stop_seconds": 9}


@pytest.mark.parametrize(
    ("run", "asked"),
    [("first", ["stop", "start"]), (None, ["start"]), ("second", ["start"])],
    ids=["the stop is under way", "stopped", "started again"],
)
def test_resume_ends_a_stop_that_is_under_way_before_it_starts(
    monkeypatch: pytest.MonkeyPatch, run: str | None, asked: list[str]
) -> None:
    engine = Engine(monkeypatch, run)
    neo4j.resume(TOKEN)
    assert engine.asked == asked


def test_resume_of_nothing_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(monkeypatch, "first")
    neo4j.resume({})
    assert engine.asked == []


class SlowHelper:
    """A helper whose copy is cut off."""

    def run(self, command: list[str], *_: Any, **__: Any) -> str:
        assert command[0] == "timeout"
        raise BackupError("timeout failed with exit code 137: it said nothing")


def test_a_copy_over_the_limit_has_the_server_up_again_before_it_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engine = Engine(monkeypatch, None)
    facts = {"data": "/data", "transactions": "/data/transactions", "databases": ["neo4j"]}
    token = {**TOKEN, "facts": facts, "stopped": time.monotonic() - 10}
    service = {"container": "neo", "options": {"max_downtime": 5}}
    with pytest.raises(BackupError, match="5 s of max_downtime; it runs again"):
        neo4j.dump(service, token, tmp_path, SlowHelper())
    assert engine.asked == ["start"]


def test_a_downtime_over_the_limit_fails_after_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engine = Engine(monkeypatch, None)
    monkeypatch.setattr(neo4j, "_copy_stores", lambda *arguments: None)
    monkeypatch.setattr(copy, "prove", lambda *arguments: pytest.fail("went on"))
    token = {**TOKEN, "facts": {}, "stopped": time.monotonic() - 10}
    service = {"container": "neo", "options": {"max_downtime": 5}}
    with pytest.raises(BackupError, match=r"was down for 10\.\d s, longer than the 5 s"):
        neo4j.dump(service, token, tmp_path, SlowHelper())
    assert engine.asked == ["start"]


def serve(answer: bytes) -> int:
    """Answer one connection on a port of this machine; return the port."""
    server = socket.create_server(("127.0.0.1", 0))

    def once() -> None:
        connection, _ = server.accept()
        with connection, server:
            connection.recv(20)
            connection.sendall(answer)

    threading.Thread(target=once, daemon=True).start()
    return int(server.getsockname()[1])


@pytest.mark.parametrize(("answer", "expected"), [(b"\x00\x00\x00\x05", True), (b"", False)])
def test_only_a_bolt_handshake_counts_as_an_answer(answer: bytes, expected: bool) -> None:
    target = {"runtime": "host", "host": "127.0.0.1", "port": serve(answer), "tls": False}
    assert process.answers(target) is expected


class Printing:
    """A helper whose Cypher Shell prints something, or fails before it has printed a word."""

    def __init__(self, text: Callable[[], bytes] | None) -> None:
        self.text = text

    def run(self, command: list[str], environment: dict[str, str], output: Path) -> str:
        assert "geheim" not in " ".join([*command, *environment.values()])
        assert Path(command[4]).read_text() == "geheim"
        assert Path(command[4]).stat().st_mode & 0o077 == 0
        if self.text is None:
            raise BackupError("sh failed with exit code 1: no route to host")
        with open(os.open(output, os.O_WRONLY), "wb") as stream:
            stream.write(self.text())
        return ""


@pytest.fixture
def service(tmp_path: Path) -> dict[str, Any]:
    scratch = str(tmp_path / "scratch")
    return {
        "runtime": "docker",
        "container": "neo",
        "user": "neo4j",
        "password": "geheim",
        "options": {},
        "scratch": scratch,
    }


def test_rows_come_through_a_pipe_and_leave_nothing(service: dict[str, Any]) -> None:
    script = shell.Script()
    rows = 20_000
    text = b"".join(printed(script, *(f'["user", "{n}"], NULL' for n in range(rows))))
    assert len(shell.ask(service, Printing(lambda: text), script)) == rows
    assert list(Path(service["scratch"]).iterdir()) == []


def test_a_shell_that_fails_at_once_blocks_nobody(service: dict[str, Any]) -> None:
    with pytest.raises(BackupError, match=r"^Neo4j in neo refuses: no route to host$"):
        shell.ask(service, Printing(None), shell.Script())


def test_a_reader_that_gives_up_does_not_keep_the_shell_waiting(service: dict[str, Any]) -> None:
    script = shell.Script()
    text = b"".join(printed(script, *(['no JSON, "'] * 20_000)))
    with pytest.raises(ValueError, match="Expecting value"):
        shell.ask(service, Printing(lambda: text), script)


@pytest.mark.parametrize(
    ("started", "user", "stores", "never"),
    [
        ("0001-01-01T00:00:00Z", "", "", True),
        ("0001-01-01T00:00:00Z", "", "databases", False),
        ("2026-11-26T00:00:00Z", "", "", False),
        # Only a start of its image gives it a place that it can write to.
        ("0001-01-01T00:00:00Z", "1000", "", False),
    ],
)
def test_only_stores_of_a_container_that_never_ran_need_no_look_at_what_is_there(
    started: str, user: str, stores: str, never: bool, monkeypatch: Any, tmp_path: Path
) -> None:
    found = {"State": {"StartedAt": started}, "Config": {"User": user}}
    monkeypatch.setattr(neo4j._container, "inspect", lambda _name, running: found)
    if stores:
        (tmp_path / stores).mkdir()
    places = [str(tmp_path / name) for name in ("databases", "transactions")]
    assert neo4j._has_never_run(TARGET, Helper(None), places) is never
    assert not neo4j._has_never_run({**TARGET, "runtime": "host"}, Helper(None), places)
    assert not neo4j._has_never_run(TARGET, Helper(None), [str(tmp_path / "nowhere" / "stores")])
