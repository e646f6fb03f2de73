# SPDX-License-Identifier: GPL-3.0-or-later
"""Running commands, showing that a long one is alive, and the paths that all parts share."""

from __future__ import annotations

import contextlib
import fcntl
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
BUILD = PROJECT / "build"
PROGRESS_SECONDS = 10


class TestbedError(Exception):
    """A step of the test bed failed; the message says which, and why."""

    __test__ = False  # or pytest takes it for a test class


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


def attempt(*argv: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command and keep what it says; its exit status is for the caller to judge."""
    try:
        return subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return subprocess.CompletedProcess(argv, 127, "", f"{argv[0]}: not installed")


def output(*argv: str, stdin: str | None = None) -> str:
    """Run a command and return what it printed. Raise TestbedError if it fails."""
    done = attempt(*argv, stdin=stdin)
    if done.returncode != 0:
        raise TestbedError(f"{' '.join(argv)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()


@contextlib.contextmanager
def step(label: str) -> Iterator[None]:
    """Print a line with the seconds that the body took, once it is through."""
    started = time.monotonic()
    yield
    say(f"{label}: {time.monotonic() - started:.1f} s")


def run_long(label: str, argv: Sequence[str], environment: dict[str, str] | None = None) -> None:
    """Run a command that takes its time: all it says goes to a log, its last line to the screen.

    Raise TestbedError with the end of the log if it fails.
    """
    log = BUILD / "log" / f"{label.replace(' ', '-')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    say(f"{label}: …")
    with log.open("wb") as sink:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, env=environment
        )
        while True:
            try:
                status = process.wait(PROGRESS_SECONDS)
                break
            except subprocess.TimeoutExpired:
                say(f"{label}: {time.monotonic() - started:3.0f} s  {_tail(log, 1)[:120]}")
    if status != 0:
        raise TestbedError(f"{label} failed ({status}), see {log}:\n{_tail(log, 25)}")
    say(f"{label}: {time.monotonic() - started:.1f} s")


def _tail(log: Path, lines: int) -> str:
    """Return the last lines of a log that say something."""
    text = log.read_text(encoding="utf-8", errors="replace")
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])


def wait_until(what: str, ready: Callable[[], bool], seconds: float = 90) -> None:
    """Return once ready() is true. Raise TestbedError if that takes too long."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TestbedError(f"{what}: not ready after {seconds} s")
        time.sleep(0.2)


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold a lock, so that two test runs at once do not build the same thing twice."""
    folder = BUILD / "lock"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{name}: another test run is at it, waiting")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
