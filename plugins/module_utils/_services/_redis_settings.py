# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users and configuration of a Redis server: what is kept of them, compared and brought back."""

from __future__ import annotations

import contextlib
import itertools
import re
import time

from ansible_collections.janus.backup.plugins.module_utils._checksum import digest
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _redis_access as access,
)

# Where a server is and what its host allows it; older names of other settings; and the password of
# the default user, who is compared as a user.
_OF_ITS_PLACE = re.compile(
    r"(tls-)?port|bind.*|unixsocket.*|dir|dbfilename|append(dirname|filename)|pidfile|logfile"
    r"|syslog-.*|aclfile|daemonize|supervised|replicaof|cluster-.*|.*announce-.*|maxclients"
    r"|oom-score-adj.*|.*cpulist|loadmodule|requirepass|.*slave.*"
)
_SINGLE = re.compile(r"[+-][^@]")
_SECRET = re.compile(r"masterauth|.*-pass")


def parse(flat: list[bytes]) -> dict[str, str]:
    """Given the reply of CONFIG GET, return the settings."""
    words = [word.decode(errors="replace") for word in flat]
    return dict(zip(words[::2], words[1::2], strict=True))


def read(session: access.Session) -> dict[str, str]:
    """Given a session, return its server's whole configuration."""
    return parse(session.command("CONFIG", "GET", "*"))


def compared(configuration: dict[str, str]) -> dict[str, str]:
    """Given a configuration, return what must come back equal, secrets as digests."""
    return {
        name: digest(value)[:32] if value and _SECRET.fullmatch(name) else value
        for name, value in configuration.items()
        if not _OF_ITS_PLACE.fullmatch(name)
    }


def comparable(user: str) -> str:
    """Given a line of ACL LIST, return it as it reads on every server with the same rights.

    The order in which rights to single commands are told is another in each process and means
    nothing, but for those of one command and its subcommands. To check payloads is the default,
    told or not.
    """
    words = user.replace("(", " ( ").replace(")", " ) ").split()
    lines: list[str] = []
    for single, run in itertools.groupby(words, lambda word: bool(_SINGLE.match(word))):
        rules = [word for word in run if word != "sanitize-payload"]
        lines += sorted(rules, key=lambda rule: rule[1:].split("|")[0]) if single else rules
    return " ".join(lines)


def apply_users(session: access.Session, lines: list[str], aclfile: bool) -> None:
    """Given a session and the lines of ACL LIST at backup, make the server's users the same."""
    wanted = {line.split(" ")[1]: line.split(" ")[2:] for line in lines}
    present = [line.split(b" ")[1].decode() for line in session.command("ACL", "LIST")]
    for name, rules in wanted.items():
        session.command("ACL", "SETUSER", name, "reset", *rules)
    for name in present:
        if name not in wanted:
            session.command("ACL", "DELUSER", name)
    if aclfile:
        with contextlib.suppress(BackupError):  # it may be mounted read-only, as it was
            session.command("ACL", "SAVE")


def apply_configuration(session: access.Session, wanted: dict[str, str]) -> None:
    """Given a session and the configuration at backup, set what differs and can be set while the
    server runs. What cannot is left for the comparison to name.
    """
    present = read(session)
    names = compared(wanted).keys() & present.keys()
    # An append only file is written anew when it is switched on: last, with all else in place.
    for name in sorted(names, key=lambda name: (name == "appendonly", name)):
        if present[name] != wanted[name]:
            with contextlib.suppress(BackupError):
                session.command("CONFIG", "SET", name, wanted[name])
    await_idle(session, "aof_rewrite_in_progress", "aof_rewrite_scheduled")


def await_idle(session: access.Session, *fields: str, seconds: float = 3600) -> dict[str, str]:
    """Given fields of INFO persistence, return them all once these are 0.

    Raise BackupError if that is not so within so many seconds.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = session.info("persistence")
        busy = [field for field in fields if found.get(field, "0") != "0"]
        if not busy:
            return found
        if time.monotonic() > deadline:
            raise BackupError(f"{session.place} is still busy after {seconds:.0f} s: {busy[0]}")
        time.sleep(0.05)
