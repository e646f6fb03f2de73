# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How this host talks to Neo4j: its protocol, Bolt 5.0, and the login.

What is needed of it is small, and rows are wanted as they come over the wire: there every type has
an encoding of its own, so that their bytes can be hashed without being taken apart. One version of
the protocol, which every Neo4j since 5.0 speaks, keeps these bytes the same from server to server
(neo4j.com/docs/bolt/current/bolt/message, …/packstream).
"""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Iterator
from io import RawIOBase
from typing import Any, BinaryIO

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import read_secret
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _neo4j_process as process,
)

_HELLO, _GOODBYE, _RUN, _PULL = b"\xb1\x01", b"\xb0\x02", b"\xb3\x10", b"\xb1\x3f"
_SUCCESS, _RECORD, _FAILURE = 0x70, 0x71, 0x7F
ANSWER_SECONDS = 600
BUFFER = 1 << 20


class LostConnection(BackupError):
    """The server is gone, or was never there."""


class Session:
    """One connection to a server: what it says is read from one end, what it is told goes into
    another, which keeps nothing back.
    """

    def __init__(self, answers: BinaryIO, requests: RawIOBase, place: str) -> None:
        """Shake hands. Raise BackupError if nobody is there or Bolt 5.0 is not spoken."""
        self._answers, self._requests, self._place = answers, requests, place
        self.version = ""
        self._say(process.HANDSHAKE)
        if (agreed := self._exactly(4)) != process.AGREED:
            raise BackupError(f"{place} speaks no Bolt 5.0, but {agreed.hex()}: Neo4j 5 is needed")

    def log_in(self, user: str | None, password: str) -> None:
        """Log in, without credentials if there is no user, and learn the server's version.

        Raise BackupError if that is refused.
        """
        login = {"scheme": "basic", "principal": user, "credentials": password}
        self._send(
            _HELLO, {"user_agent": "janus.backup", **(login if user else {"scheme": "none"})}
        )
        self.version = str(self._success()["server"]).partition("/")[2]  # "Neo4j/5.26.30"

    def read(self, database: str | None, query: str, mode: str = "r") -> Iterator[bytes]:
        """Given a database, None for the user's own, and Cypher, yield each row as it is encoded.

        In mode "r" the server refuses what would change anything. Raise BackupError with its words
        if it refuses.
        """
        extra = {"mode": mode, **({"db": database} if database else {})}
        self._send(_RUN, query, {}, extra)
        self._success()
        self._send(_PULL, {"n": -1})
        message = self._message()
        while message[1] == _RECORD:
            yield message[2:]
            message = self._message()
        self._success(message)

    def rows(self, database: str | None, query: str, mode: str = "r") -> list[list[Any]]:
        """Given the same, return each row as a list of its columns; a value of a type that JSON
        does not know, a date or a node, is a Structure.
        """
        return [unpacked(row)[0] for row in self.read(database, query, mode)]

    def close(self) -> None:
        """Say goodbye: the server ends the connection."""
        with contextlib.suppress(LostConnection):
            self._send(_GOODBYE)

    def _send(self, message: bytes, *fields: Any) -> None:
        body = message + b"".join(map(packed, fields))
        pieces = [body[at : at + 0xFFFF] for at in range(0, len(body), 0xFFFF)]
        chunks = [len(piece).to_bytes(2, "big") + piece for piece in pieces]
        self._say(b"".join(chunks) + b"\0\0")

    def _say(self, said: bytes) -> None:
        try:
            while said:
                said = said[self._requests.write(said) or 0 :]
        except OSError as error:
            raise LostConnection(f"lost the connection to {self._place}: {error}") from error

    def _success(self, message: bytes = b"") -> dict[str, Any]:
        message = message or self._message()
        if message[1] == _FAILURE:
            words = " ".join(unpacked(message, 2)[0]["message"].split())
            raise BackupError(f"{self._place} refuses: {words}")
        if message[1] != _SUCCESS:
            raise BackupError(f"{self._place} says what is not Bolt: {message[:20].hex()}")
        metadata: dict[str, Any] = unpacked(message, 2)[0]
        return metadata

    def _message(self) -> bytes:
        """Return the next message, put together: a server that has much to do sends empty ones."""
        chunks: list[bytes] = []
        while True:
            size = int.from_bytes(self._exactly(2), "big")
            if size:
                chunks.append(self._exactly(size))
            elif chunks:
                return b"".join(chunks)

    def _exactly(self, size: int) -> bytes:
        try:
            data = self._answers.read(size)
        except OSError as error:
            raise LostConnection(f"lost the connection to {self._place}: {error}") from error
        if len(data) != size:
            raise LostConnection(f"{self._place} has closed the connection")
        return data


@contextlib.contextmanager
def session(service: dict[str, Any]) -> Iterator[Session]:
    """Given a service, yield a session that is logged in.

    Raise BackupError if nobody answers or the password is refused.
    """
    target = process.target(service)
    where = process.place(service)
    try:
        connection = process.connect(target)
    except OSError as error:
        raise LostConnection(f"{where} does not answer on its Bolt port: {error}") from error
    with connection:
        answers = io.BufferedReader(connection.makefile("rb", 0), BUFFER)
        with answers, connection.makefile("wb", 0) as requests:
            opened = Session(answers, requests, where)
            connection.settimeout(ANSWER_SECONDS)  # a server that shakes hands is no wedged one
            opened.log_in(service.get("user"), password(service))
            yield opened
            opened.close()


def password(service: dict[str, Any]) -> str:
    """Given a service, return the password of its user."""
    if service.get("password"):
        return str(service["password"])
    return read_secret(service["password_file"]) if service.get("password_file") else ""


class Structure(tuple[int, list[Any]]):
    """A value that JSON does not know: what kind it is, and its fields."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{chr(self[0])}({', '.join(map(str, self[1]))})"


def packed(value: Any) -> bytes:
    """Given a text, a number, or a mapping of fewer than 16 of these, return it encoded."""
    if isinstance(value, str):
        text = value.encode()
        return b"\xd2" + len(text).to_bytes(4, "big") + text
    if isinstance(value, int):
        return b"\xcb" + struct.pack(">q", value)
    entries = [packed(key) + packed(entry) for key, entry in value.items()]
    return bytes([0xA0 | len(entries)]) + b"".join(entries)


_NUMBERS = {0xC1: ">d", 0xC8: ">b", 0xC9: ">h", 0xCA: ">i", 0xCB: ">q"}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
# marker: (kind, width of the size after it)
_SIZED = {
    marker + step: (kind, 1 << step)
    for marker, kind in ((0xCC, "bytes"), (0xD0, "text"), (0xD4, "list"), (0xD8, "map"))
    for step in range(3)
}
_TINY = {0x80: "text", 0x90: "list", 0xA0: "map", 0xB0: "structure"}


def unpacked(data: bytes, at: int = 0) -> tuple[Any, int]:
    """Given what is encoded and where in it a value begins, return the value and where it ends."""
    marker = data[at]
    at += 1
    if marker < 0x80 or marker >= 0xF0:
        return (marker if marker < 0x80 else marker - 0x100), at
    if marker in _CONSTANTS:
        return _CONSTANTS[marker], at
    if marker in _NUMBERS:
        end = at + struct.calcsize(_NUMBERS[marker])
        return struct.unpack(_NUMBERS[marker], data[at:end])[0], end
    if marker in _SIZED:
        kind, width = _SIZED[marker]
        size, at = int.from_bytes(data[at : at + width], "big"), at + width
    else:
        kind, size = _TINY[marker & 0xF0], marker & 0x0F
    if kind in ("bytes", "text"):
        content = data[at : at + size]
        return (content if kind == "bytes" else content.decode()), at + size
    if kind == "structure":
        tag, at = data[at], at + 1
    values = []
    for _number in range(2 * size if kind == "map" else size):
        value, at = unpacked(data, at)
        values.append(value)
    if kind == "map":
        return dict(zip(values[::2], values[1::2], strict=True)), at
    return (Structure((tag, values)) if kind == "structure" else values), at
