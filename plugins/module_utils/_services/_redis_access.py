# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How this host talks to Redis: its protocol (RESP2) over TCP or a Unix socket, and the login.

Python has no client for it, and what is needed of one is small: commands sent in batches, and
replies that can also be read piece by piece, so that a value of any size passes in flat memory.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Union

from ansible_collections.janus.backup.plugins.module_utils import _container
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import read_secret

_REFUSING_SECONDS = 5
_CONNECT_SECONDS = 10
_ANSWER_SECONDS = 600
Word = Union[str, bytes, int]  # noqa: UP007 (pylint of ansible-test)


class Session:
    """One connection to a server."""

    def __init__(self, address: tuple[str, int] | str, place: str) -> None:
        """Connect to a host and port, or to a Unix socket. Raise OSError if nobody is there."""
        self.place = place
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(_CONNECT_SECONDS)
            self._socket.connect(address)
            self._socket.settimeout(_ANSWER_SECONDS)
        except OSError:
            self._socket.close()
            raise
        self._stream = self._socket.makefile("rb")

    def close(self) -> None:
        """End the connection."""
        self._stream.close()
        self._socket.close()

    def send(self, commands: list[tuple[Word, ...]]) -> None:
        """Given commands, send them in one piece; their replies are to be read in this order."""
        parts: list[bytes] = []
        for command in commands:
            words = [word if isinstance(word, bytes) else str(word).encode() for word in command]
            parts.append(b"*%d\r\n" % len(words))
            parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
        try:
            self._socket.sendall(b"".join(parts))
        except OSError as error:
            raise self._lost(error) from error

    def tokens(self) -> Iterator[bytes]:
        """Yield the next reply in pieces: each with its type (*, $, :, +, -) in front, and what an
        array holds after it. To be read to its end.
        """
        left = 1
        while left:
            line = self._line()
            left -= 1
            if line[:1] == b"*" and line != b"*-1":
                left += int(line[1:])
                yield line
            elif line[:1] == b"$" and line != b"$-1":
                yield b"$" + self._read(int(line[1:]) + 2)[:-2]
            else:
                yield line

    def reply(self) -> Any:
        """Return the next reply. Raise BackupError with the server's words if it is an error."""
        tokens = self.tokens()
        found = _built(tokens)
        if isinstance(found, BackupError):
            raise BackupError(f"{self.place} says {found}")
        return found

    def command(self, *words: Word) -> Any:
        """Given a command, return its reply. Raise BackupError if it is an error."""
        self.send([words])
        return self.reply()

    def read(self, database: str, words: list[str]) -> Any:
        """Given the number of a database and a command, return its reply. Raise BackupError if it
        is an error, or if the command could change something.
        """
        known = self.command("COMMAND", "INFO", *words[:1])
        if not words or not known[0] or {b"write", b"admin"} & set(known[0][2]):
            raise BackupError(f"{self.place}: {' '.join(words[:1])} is no command that only reads")
        self.command("SELECT", database)
        return self.command(*words)

    def info(self, section: str) -> dict[str, str]:
        """Given a section of INFO, return its fields."""
        return parse_info(self.command("INFO", section))

    def _line(self) -> bytes:
        try:
            line = self._stream.readline()
        except OSError as error:
            raise self._lost(error) from error
        if not line.endswith(b"\r\n"):
            raise self._lost("the connection was closed")
        return line[:-2]

    def _read(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except OSError as error:
            raise self._lost(error) from error
        if len(data) != size:
            raise self._lost("the connection was closed")
        return data

    def _lost(self, cause: object) -> BackupError:
        return BackupError(f"lost the connection to {self.place}: {cause}")


def _built(tokens: Iterator[bytes]) -> Any:
    token = next(tokens)
    kind, rest = token[:1], token[1:]
    if kind == b"-":
        return BackupError(rest.decode(errors="replace"))
    if token in (b"*-1", b"$-1"):
        return None
    if kind == b"*":
        return [_built(tokens) for _number in range(int(rest))]
    return int(rest) if kind == b":" else rest


def parse_info(text: bytes) -> dict[str, str]:
    """Given the reply of INFO, return its fields."""
    lines = text.decode(errors="replace").splitlines()
    return dict(line.partition(":")[::2] for line in lines if ":" in line and line[:1] != "#")


def place(service: dict[str, Any]) -> str:
    """Given a service, return how sentences call it."""
    where = service.get("container") or f"{service['host']}:{service.get('port') or 6379}"
    return f"Redis in {where}"


def runs(service: dict[str, Any]) -> bool:
    """Given a service, tell whether there is a server at all, whatever it answers."""
    try:
        if service["runtime"] == "docker":
            _container.inspect(service["container"])
        else:
            Session((service.get("host") or "127.0.0.1", service.get("port") or 6379), "").close()
    except (BackupError, OSError):
        return False
    return True


@contextlib.contextmanager
def session(service: dict[str, Any]) -> Iterator[Session]:
    """Given a service, yield a session that is logged in.

    Raise BackupError if nobody answers or the password is refused.
    """
    host = service.get("host") or "127.0.0.1"
    if service["runtime"] == "docker":
        host = _container.address(_container.inspect(service["container"]))
    password = service.get("password")
    if password is None and service.get("password_file"):
        password = read_secret(service["password_file"])
    try:
        opened = Session((host, service.get("port") or 6379), place(service))
    except OSError as error:
        cause = error.strerror or error
        raise BackupError(f"cannot connect to {place(service)}: {cause}") from error
    try:
        if password:
            user = [service["user"]] if service.get("user") else []
            try:
                opened.command("AUTH", *user, password)
            except BackupError as error:
                raise BackupError(f"cannot log in: {error}") from error
        opened.command("PING")
        yield opened
    finally:
        opened.close()


def await_answer(candidates: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
    """Given a service with different credentials, return it with the first that are accepted,
    once it has loaded its data. Raise BackupError if none is within so many seconds.
    """
    deadline = time.monotonic() + seconds
    while True:
        refusals = []
        for candidate in candidates:
            try:
                with session(candidate):  # whose PING is refused while it loads
                    return candidate
            except BackupError as error:
                refusals.append(error)
        if time.monotonic() > deadline:
            raise refusals[0]
        time.sleep(0.1)


def open_socket(path: Path, name: str, log: Path) -> Session:
    """Given the socket of a server that was just started, return a session once its data is loaded.

    Raise BackupError with the last lines of its log if it ends instead.
    """
    begun = time.monotonic()
    refused: float | None = None
    while True:
        try:
            opened = Session(str(path), name)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            now = time.monotonic()
            if isinstance(error, ConnectionRefusedError):
                refused = refused or now
            # A socket refuses for ever when its server has ended, and between bind and listen.
            ended = refused is not None and now - refused > _REFUSING_SECONDS
            if ended or now - begun > _CONNECT_SECONDS:
                words = log.read_text(errors="replace").split("\n")[-6:] if log.is_file() else []
                raise BackupError(f"{name} did not start: {' '.join(words).strip()}") from error
        else:
            with contextlib.suppress(BackupError):
                opened.command("DBSIZE")
                return opened
            opened.close()
        time.sleep(0.05)


def shut_down(path: Path) -> None:
    """Given the socket of a server that was started for a look at a dump, end it if it is there."""
    with contextlib.suppress(OSError, BackupError):
        left_over = Session(str(path), "the copy")
        left_over.command("SHUTDOWN", "NOSAVE", "NOW", "FORCE")
    path.unlink(missing_ok=True)
