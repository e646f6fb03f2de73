# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cypher Shell: statements in, rows out, for the digests of archives that were made when the
checksums were computed from what it prints.

Its plain format neither escapes a backslash nor a line feed, so every row is framed: its first
column is a random word that no data can hold, its second a list of escaped strings that is JSON,
and whatever follows is the body, up to the next row's word.
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
from ansible_collections.janus.backup.plugins.module_utils._files import private_directory
from ansible_collections.janus.backup.plugins.module_utils._helper import Helper
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _neo4j_bolt as bolt,
)
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


def _escaped(expression: str) -> str:
    return f'replace(replace({expression}, "\\\\", "\\\\\\\\"), "\\n", "\\\\n")'


class Script:
    """Statements for one run of Cypher Shell."""

    def __init__(self) -> None:
        self.word = f"janus{secrets.token_hex(16)}"
        self.text = ""

    def use(self, database: str) -> None:
        """Let what follows run in this database."""
        self.text += f":use `{database}`\n"

    def add(self, query: str, head: list[str], labels: str | None, body: str) -> None:
        """Add a query up to its RETURN; head: expressions that are texts; labels: one that is a
        list of texts; body: any expression.
        """
        lists = [f"[{_escaped(part)}]" for part in head]
        lists += [f"[l IN {labels} | {_escaped('l')}]"] if labels else []
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
    service: dict[str, Any], helper: Helper, script: Script, consume: Callable[[Rows], Any] = list
) -> Any:
    """Given a service, a helper that reaches it, and a script, run it and return what `consume`
    makes of the rows while they come.

    Raise BackupError with Cypher Shell's own words if a statement fails.
    """
    scheme = "bolt+ssc" if service["options"].get("tls") else "bolt"
    host = "127.0.0.1" if service["runtime"] == "docker" else service["host"]
    address = f"{scheme}://{host}:{service.get('port') or process.PORT}"
    with tempfile.TemporaryDirectory(dir=private_directory(Path(service["scratch"]))) as folder:
        password, statements, pipe = (
            Path(folder) / name for name in ("password", "cypher", "rows")
        )
        password.touch(mode=0o600)
        password.write_text(bolt.password(service), encoding="utf-8")
        statements.write_text(script.text, encoding="utf-8")
        command = ["sh", "-c", _START, "sh", str(password), f"--address={address}"]
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
                raise BackupError(f"{process.place(service)} refuses: {cause}") from error
            finally:
                os.close(writer)
                reading.exception()
            return reading.result()


def _read(script: Script, lines: Iterable[bytes], consume: Callable[[Rows], Any]) -> Any:
    try:
        return consume(script.rows(lines))
    finally:
        for _line in lines:  # a reader that gave up must not leave the writer waiting
            pass
