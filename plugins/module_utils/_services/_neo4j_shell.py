# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cypher Shell: statements in, rows out, as a stream of which nothing is kept.

Cypher Shell's plain format neither escapes a backslash nor a line feed, so every row is framed: its
first column is a random word that no data can hold, its second a list of escaped strings that is
JSON, and whatever follows is the body, up to the next row's word.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import (
    private_directory,
    read_secret,
)
from ansible_collections.janus.backup.plugins.module_utils._helper import Helper
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _neo4j_process as process,
)

Rows = Iterator[tuple[list[str], bytes]]
_DECODER = json.JSONDecoder(strict=False)

# Cypher Shell takes a password from an argument, a terminal or its environment. The last of these
# is set by the shell that becomes it, in the helper, from a file: only root sees it there. The
# locale decides how Java prints what is not ASCII.
_START = (
    'if [ -s "$1" ]; then NEO4J_PASSWORD=$(cat "$1"); export NEO4J_PASSWORD; fi; '
    'shift; exec cypher-shell "$@"'
)
ENVIRONMENT = {"LC_ALL": "C.UTF-8"}


def escaped(expression: str) -> str:
    """Given a Cypher expression that is a string, return one that comes out as JSON."""
    return f'replace(replace({expression}, "\\\\", "\\\\\\\\"), "\\n", "\\\\n")'


class Script:
    """Statements for one run of Cypher Shell."""

    def __init__(self) -> None:
        self.word = f"janus{secrets.token_hex(16)}"
        self.text = ""

    def use(self, database: str) -> None:
        """Let what follows run in this database."""
        self.text += f":use `{database}`\n"

    def add(self, query: str, head: list[str], body: str = "null") -> None:
        """Add a query up to its RETURN; head: expressions that are strings, or lists of these when
        they begin with a bracket; body: any expression.
        """
        lists = [part if part.startswith("[") else f"[{escaped(part)}]" for part in head]
        self.text += (
            f'{query} RETURN "{self.word}" AS {self.word}, {" + ".join(lists)} AS head,'
            f" {body} AS body;\n"
        )

    def rows(self, lines: Iterable[bytes]) -> Rows:
        """Given what Cypher Shell prints, yield head and body of each row.

        Rows of one kind have one head: it is taken apart once, and is the same list then.
        """
        head: list[str] = []
        known = b"\0"  # the head as it was printed; no row begins like this
        for row in self._framed(lines):
            if not row.startswith(known):
                text = row.decode()
                head, end = _DECODER.raw_decode(text)
                known = text[:end].encode()
            yield head, row[len(known) :]

    def _framed(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Yield each row without its word: a line, and those that follow until another begins."""
        quoted, title = f'"{self.word}", '.encode(), f"{self.word}, ".encode()
        row: list[bytes] = []
        for line in lines:
            begins = line.startswith(quoted)
            if begins or line.startswith(title):
                if row:
                    yield b"".join(row)
                row = [line[len(quoted) :]] if begins else []
            elif row:
                row.append(line)
        if row:
            yield b"".join(row)


def ask(
    service: dict[str, Any],
    helper: Helper,
    script: Script,
    consume: Callable[[Rows], Any] = list,
    around: str = _START,
    port: int | None = None,
) -> Any:
    """Given a service, a helper that reaches it, and a script, run it and return what `consume`
    makes of the rows while they come. `around` is the shell program that starts Cypher Shell.

    Raise BackupError with Cypher Shell's own words if a statement fails.
    """
    scheme = "bolt+ssc" if service["options"].get("tls") and port is None else "bolt"
    host = "127.0.0.1" if service["runtime"] == "docker" or port else service["host"]
    address = f"{scheme}://{host}:{port or service.get('port') or process.PORT}"
    with tempfile.TemporaryDirectory(dir=private_directory(Path(service["scratch"]))) as folder:
        password, statements, pipe = (
            Path(folder) / name for name in ("password", "cypher", "rows")
        )
        password.touch(mode=0o600)
        password.write_text(_password(service), encoding="utf-8")
        statements.write_text(script.text, encoding="utf-8")
        command = ["sh", "-c", around, "sh", str(password), f"--address={address}"]
        if service.get("user"):
            command.append(f"--username={service['user']}")
        command += ["--format=plain", "--non-interactive", f"--file={statements}"]
        os.mkfifo(pipe, 0o600)
        # Both ends are held open here, so that neither side ever waits for the other to come.
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        writer = os.open(pipe, os.O_WRONLY)
        os.set_blocking(reader, True)
        with ThreadPoolExecutor(max_workers=1) as beside, open(reader, "rb") as lines:
            reading = beside.submit(_read, script, lines, consume)
            try:
                helper.run(command, ENVIRONMENT, output=pipe)
            except BackupError as error:
                cause = str(error).partition(": ")[2]
                who = "the server on the copy" if port else process.place(service)
                raise BackupError(f"{who} refuses: {cause}") from error
            finally:
                os.close(writer)
                reading.exception()
            return reading.result()


def values(service: dict[str, Any], helper: Helper, database: str | None, text: str) -> Any:
    """Given Cypher that returns one column, `value`, return that, of each row if there are several.

    What Cypher Shell does not print as JSON is returned as it prints it.
    """
    script = Script()
    if database:
        script.use(database)
    script.add(f"CALL {{ {text} }}", ['""'], "value")
    found = []
    for _head, body in ask(service, helper, script):
        printed = body.decode().removeprefix(",").strip()
        try:
            found.append(json.loads(printed, strict=False))
        except ValueError:
            found.append(printed)
    return found[0] if len(found) == 1 else found


def _read(script: Script, lines: Iterable[bytes], consume: Callable[[Rows], Any]) -> Any:
    try:
        return consume(script.rows(lines))
    finally:
        for _line in lines:  # a reader that gave up must not leave the writer waiting
            pass


def _password(service: dict[str, Any]) -> str:
    if service.get("password"):
        return str(service["password"])
    return read_secret(service["password_file"]) if service.get("password_file") else ""
