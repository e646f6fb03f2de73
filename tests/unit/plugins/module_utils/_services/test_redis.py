# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the Redis service needs no server."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _redis_access as access,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _redis_aof as aof,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _redis_checksums as checksums,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _redis_files as files,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _redis_settings as settings,
)
from ansible_collections.janus.backup.plugins.module_utils._services import (
    redis,
)

MANIFEST = """file appendonly.aof.2.base.rdb seq 2 type b
file appendonly.aof.1.incr.aof seq 1 type h
file appendonly.aof.2.incr.aof seq 2 type i
file appendonly.aof.3.incr.aof seq 3 type i
"""


def answering(tmp_path: Path, said: bytes) -> access.Session:
    """Return a session with a server that says one thing and closes."""
    path = str(tmp_path / "socket")
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()

    def answer() -> None:
        connection, _ = server.accept()
        with connection, server:
            connection.sendall(said)

    threading.Thread(target=answer).start()
    return access.Session(path, "Redis in test")


def test_replies_of_every_kind_are_understood(tmp_path: Path) -> None:
    said = b"*5\r\n$4\r\na\r\nb\r\n:-7\r\n*2\r\n+OK\r\n$0\r\n\r\n$-1\r\n*-1\r\n"
    session = answering(tmp_path, said)
    assert session.reply() == [b"a\r\nb", -7, [b"OK", b""], None, None]
    session.close()


def test_a_reply_can_be_read_in_pieces_and_ends_where_it_ends(tmp_path: Path) -> None:
    session = answering(tmp_path, b"*2\r\n*1\r\n$1\r\na\r\n:1\r\n+next\r\n")
    assert list(session.tokens()) == [b"*2", b"*1", b"$a", b":1"]
    assert session.reply() == b"next"
    session.close()


def test_an_error_is_a_sentence_with_the_servers_words(tmp_path: Path) -> None:
    session = answering(tmp_path, b"-NOAUTH Authentication required.\r\n")
    with pytest.raises(BackupError, match=r"^Redis in test says NOAUTH Authentication required\.$"):
        session.reply()
    session.close()


def test_a_connection_that_ends_in_a_reply_is_an_error(tmp_path: Path) -> None:
    session = answering(tmp_path, b"$10\r\nabc")
    with pytest.raises(BackupError, match="lost the connection to Redis in test"):
        session.reply()
    session.close()


def test_the_manifest_of_an_append_only_file_is_read_without_its_history() -> None:
    entries = aof.parse(MANIFEST)
    assert entries == [
        ("appendonly.aof.2.base.rdb", 2, "b"),
        ("appendonly.aof.2.incr.aof", 2, "i"),
        ("appendonly.aof.3.incr.aof", 3, "i"),
    ]
    assert aof.parse(aof.text(entries)) == entries


@pytest.mark.parametrize("line", ["file a seq 1", "file", 'file "a b" seq 1 type b'])
def test_a_manifest_that_is_not_understood_is_refused(line: str) -> None:
    with pytest.raises(BackupError, match="cannot read the manifest"):
        aof.parse(line)


def test_the_length_of_the_last_file_is_noted(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "appendonlydir"
    folder.mkdir(parents=True)
    (folder / "appendonly.aof.manifest").write_text(MANIFEST)
    (folder / "appendonly.aof.3.incr.aof").write_bytes(b"x" * 77)
    found = aof.look(folder, Path("/data/appendonlydir"), "appendonly.aof")
    assert found["folder"] == "/data/appendonlydir"
    assert found["cut"] == 77
    with pytest.raises(BackupError, match="cannot read the append only file in /data"):
        aof.look(tmp_path, Path("/data"), "appendonly.aof")


def digest(kind: bytes, *tokens: bytes) -> str:
    return checksums._digest(kind, iter(tokens))


def test_order_matters_where_it_does_and_nowhere_else() -> None:
    assert digest(b"list", b"*2", b"$a", b"$b") != digest(b"list", b"*2", b"$b", b"$a")
    assert digest(b"set", b"*2", b"$a", b"$b") == digest(b"set", b"*2", b"$b", b"$a")
    pairs = (b"$f", b"$1", b"$g", b"$2")
    assert digest(b"hash", b"*4", *pairs) == digest(b"hash", b"*4", *pairs[2:], *pairs[:2])
    assert digest(b"hash", b"*4", *pairs) != digest(b"hash", b"*4", b"$f", b"$2", b"$g", b"$1")


def test_content_cannot_be_shifted_between_elements() -> None:
    assert digest(b"list", b"*2", b"$ab", b"$c") != digest(b"list", b"*2", b"$a", b"$bc")
    assert digest(b"string", b"$") != digest(b"string", b"$-1")


def test_of_a_stream_only_what_lasts_counts() -> None:
    def stream(nodes: bytes, seen: bytes, entry: bytes) -> str:
        return digest(
            b"stream", b"*6", b"$radix-tree-nodes", nodes, b"$entries", entry, b"$seen-time", seen
        )

    assert stream(b":1", b":5", b"$x") == stream(b":2", b":6", b"$x")
    assert stream(b":1", b":5", b"$x") != stream(b":1", b":5", b"$y")
    # The same words as a client's own data do count.
    assert digest(b"stream", b"$seen-time", b"$a") != digest(b"stream", b"$seen-time", b"$b")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"a:b", '"a:b"'),
        ("é".encode(), '"é"'),
        (b"\xff", '"\\xff"'),
        (b"\\xff", '"\\\\xff"'),
        (b'"', '"\\""'),
    ],
)
def test_names_are_printed_differently_for_different_bytes(name: bytes, text: str) -> None:
    assert checksums.printable(name) == text


class Keys:
    """Stands for a session with one database of these keys: type, expiry, content.

    SCAN names each key as often as it is told, as it may.
    """

    def __init__(self, keys: dict[bytes, tuple[bytes, int, bytes]], often: int = 2) -> None:
        self.keys, self.often, self.scans, self.replies = keys, often, 0, []

    def info(self, _section: str) -> dict[str, str]:
        expires = sum(expiry >= 0 for _, expiry, _ in self.keys.values())
        return {"db2": f"keys={len(self.keys)},expires={expires},avg_ttl=0"}

    def command(self, *words: Any) -> Any:
        self.scans += words[0] == "SCAN"
        named = [*self.keys] * self.often
        return {"SCAN": [b"0", named], "DBSIZE": len(self.keys), "FUNCTION": []}.get(words[0])

    def send(self, commands: list[tuple[Any, ...]]) -> None:
        places = {"TYPE": 0, "PEXPIRETIME": 1, "GET": 2}
        self.replies = [self.keys[key][places[word]] for word, key in commands]

    def reply(self) -> Any:
        return self.replies.pop(0)

    def tokens(self) -> Any:
        return iter([b"$" + self.replies.pop(0)])


def test_keys_are_told_by_name_or_when_they_expire_by_the_hour() -> None:
    later = 4_102_444_800_500
    keys = {
        b"a:1": (b"string", -1, b"x"),
        b"s:1": (b"string", later, b"x"),
        b"s:2": (b"string", later + 9, b"x"),
        b"s:3": (b"string", int(time.time() * 1000) - 1, b"gone"),
        b"plain": (b"string", later + 3_600_000, b"x"),
    }
    found = checksums.of_data(Keys(keys))
    assert found['database 2 key "a:1"']["type"] == "string"
    group = found['database 2 keys "s:" that expire 2100-01-01T00Z']
    assert (group["keys"], group["until"]) == (2, later / 1000)
    assert found["database 2 keys without prefix that expire 2100-01-01T01Z"]["keys"] == 1
    assert len(found) == 3
    shifted = checksums.of_data(Keys({**keys, b"s:2": (b"string", later + 10, b"x")}))
    assert shifted != found


def test_very_many_keys_are_told_by_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checksums, "NAMED_KEYS", 2)
    keys = {b"p:%d" % number: (b"string", -1, b"x") for number in range(3)}
    assert checksums.of_data(Keys(keys))['database 2 keys "p:"']["keys"] == 3


@pytest.mark.parametrize(("often", "scans"), [(1, 1), (2, 2)])
def test_keys_of_a_large_database_are_remembered_only_if_one_was_named_twice(
    often: int, scans: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {b"p:%d" % number: (b"string", -1, b"x") for number in range(3)}
    monkeypatch.setattr(checksums, "NAMED_KEYS", 2)
    session = Keys(keys, often)
    remembered = []
    fresh = checksums._fresh
    monkeypatch.setattr(checksums, "_fresh", lambda *given: remembered.append(1) or fresh(*given))
    assert checksums.of_data(session)['database 2 keys "p:"']["keys"] == 3
    assert (session.scans, len(remembered)) == (scans, scans - 1)


def test_rights_are_equal_in_whatever_order_a_server_tells_them() -> None:
    told = "user a on sanitize-payload #1f ~* -@all +@read +rpop -keys (~b -@all +get +set)"
    again = "user a on #1f ~* -@all +@read -keys +rpop (~b -@all +set +get)"
    assert settings.comparable(told) == settings.comparable(again)
    for other in ("-@all +@read -keys", "-@all +rpop -keys +@read"):
        assert settings.comparable(f"user a on {other}") != settings.comparable(
            "user a on -@all +@read +rpop -keys"
        )
    assert settings.comparable("u +config -config|set") != settings.comparable(
        "u -config|set +config"
    )


def test_of_the_configuration_places_are_left_out_and_secrets_hidden() -> None:
    kept = settings.compared(
        {"dir": "/data", "replicaof": "a 1", "maxmemory": "0", "masterauth": "geheim", "save": ""}
    )
    assert kept.keys() == {"maxmemory", "masterauth", "save"}
    assert "geheim" not in kept["masterauth"]


def test_data_that_no_other_container_can_see_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        files._container, "inspect", lambda _name: {"Mounts": [{"Destination": "/data"}]}
    )
    service = {"runtime": "docker", "container": "c"}
    files.require_volume(service, "/data/below", "Redis in c")
    with pytest.raises(BackupError, match="keeps its data in /database, which is on no volume"):
        files.require_volume(service, "/database", "Redis in c")


def test_memory_that_is_not_there_is_refused() -> None:
    files.require_memory(1, "Redis in c")
    with pytest.raises(BackupError, match="not enough to load its dump"):
        files.require_memory(2**60, "Redis in c")


def test_there_is_nothing_to_resume_without_a_token() -> None:
    redis.resume({})


def test_a_server_between_bind_and_listen_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))

        def start() -> None:
            time.sleep(0.5)
            server.listen()
            connection, _ = server.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b":3\r\n")

        starting = threading.Thread(target=start)
        starting.start()
        access.open_socket(path, "the copy", tmp_path / "log").close()
        starting.join()


def test_a_server_that_ended_is_told_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "_REFUSING_SECONDS", 0.2)
    path, log = tmp_path / "redis.sock", tmp_path / "log"
    log.write_text("starting\nBad file format reading the dump\n", encoding="utf-8")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    with pytest.raises(BackupError, match=r"the copy did not start: .*Bad file format"):
        access.open_socket(path, "the copy", log)
