# SPDX-License-Identifier: GPL-3.0-or-later
"""Write to the seeded PostgreSQL databases until SIGTERM, and say how long any write had to wait.

A backup must never make an application wait: a transaction that fails or takes longer than the
limit ends the writer with an error. At the end it prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import random
import select
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg2
import psycopg2.extensions
from postgresql import DEBIAN, DEPOT, connect

LARGE_OBJECT = 700001


class TooSlowError(Exception):
    """A transaction took longer than the limit."""


def insert_download(cursor: Any, chance: random.Random) -> None:
    """Insert a row that lands in the default partition, its number from a sequence."""
    cursor.execute(
        "INSERT INTO debian.download (id, at, package_id, bytes, request)"
        " SELECT 1000000000 + nextval('debian.download_number'), clock_timestamp(), id,"
        " coalesce(archive_size, 0), '{\"by\":  0}' FROM debian.package WHERE id = %s",
        (1 + chance.randrange(100),),
    )


def insert_build(cursor: Any, chance: random.Random) -> None:
    """Insert a row that is stored out of line."""
    cursor.execute(
        "INSERT INTO debian.build (package_id, during, log, report, artefact)"
        " VALUES (%s, tstzrange(clock_timestamp(), NULL), %s, '{}', %s)",
        (1 + chance.randrange(100), "live\n" * 1000, psycopg2.Binary(chance.randbytes(4000))),
    )


def move_stock(cursor: Any, chance: random.Random) -> None:
    """Move one piece between two packages: number of rows and total stay, the content changes."""
    # In the order of their numbers, so that two writers cannot lock each other out.
    lower, upper = sorted(chance.sample(range(1, 101), 2))
    cursor.execute(
        "UPDATE debian.stock SET quantity = quantity + 1 WHERE package_id = %s", (lower,)
    )
    cursor.execute(
        "UPDATE debian.stock SET quantity = quantity - 1 WHERE package_id = %s", (upper,)
    )


def turn_queue(cursor: Any, chance: random.Random) -> None:
    """Delete the oldest entry and add one: the number of rows stays."""
    cursor.execute(
        "DELETE FROM debian.queue WHERE id = (SELECT id FROM debian.queue ORDER BY id LIMIT 1"
        " FOR UPDATE SKIP LOCKED)"
    )
    cursor.execute(
        "INSERT INTO debian.queue (payload) VALUES (jsonb_build_object('todo', %s::int))",
        (chance.randrange(1000),),
    )


def rename(cursor: Any, chance: random.Random) -> None:
    """Change a row of the table with the difficult name."""
    cursor.execute(
        'UPDATE "Ünï côdé ""schema"""."Tàblé ""x"", spaces & ☃" SET "select" = %s'
        ' WHERE "colonne ""é""" = %s',
        (f"écrit {chance.random()}", 1 + chance.randrange(500)),
    )


def patch_large_object(cursor: Any, chance: random.Random) -> None:
    """Overwrite a piece of a large object in place."""
    cursor.execute(
        "SELECT lo_put(%s, %s, %s)",
        (LARGE_OBJECT, chance.randrange(10_000), psycopg2.Binary(chance.randbytes(64))),
    )


def book_movement(cursor: Any, chance: random.Random) -> None:
    """Insert a movement in the second database, whose trigger changes the balance."""
    cursor.execute(
        "INSERT INTO depot.movement (article_id, amount) VALUES (%s, %s)",
        (1 + chance.randrange(2000), chance.choice((-2, -1, 1, 2))),
    )


Operation = Callable[[Any, random.Random], None]
# Each database with what is done there, as often as it is named.
OPERATIONS: list[tuple[str, Operation]] = [
    (DEBIAN, insert_download),
    (DEBIAN, move_stock),
    (DEBIAN, turn_queue),
    (DEBIAN, rename),
    (DEBIAN, move_stock),
    (DEBIAN, insert_build),
    (DEBIAN, patch_large_object),
    (DEPOT, book_movement),
]


class Deadline:
    """Bounds each wait for the server, so that a blocked one is noticed while it is blocked."""

    def __init__(self, limit: float) -> None:
        """Allow limit seconds from each start()."""
        self._limit = limit
        self.end = 0.0
        self.start()

    def start(self) -> None:
        """Begin to count."""
        self.end = time.monotonic() + self._limit

    def wait(self, connection: Any) -> None:
        """Wait for the connection, as psycopg2 asks for it; raise TooSlowError at the end."""
        while True:
            state = connection.poll()
            if state == psycopg2.extensions.POLL_OK:
                return
            descriptors = [connection.fileno()]
            readers = descriptors if state == psycopg2.extensions.POLL_READ else []
            writers = [] if readers else descriptors
            left = max(0.0, self.end - time.monotonic())
            if not any(select.select(readers, writers, [], left)):
                raise TooSlowError(f"no answer within {self._limit} seconds")


class Writer:
    """Commits one small transaction after the other and keeps the longest time one took."""

    def __init__(self, dsn: str, rate: float, limit: float) -> None:
        """Take the server, the transactions per second (0: no pause) and the limit in seconds."""
        self._dsn = dsn
        self._rate = rate
        self._limit = limit
        self._deadline = Deadline(limit)
        self._stopped = False
        self.count: Counter[str] = Counter()
        self.longest = 0.0
        self.longest_commit = 0.0
        self.slowest = ""

    def stop(self, *_: object) -> None:
        """Finish after the transaction that is under way."""
        self._stopped = True

    def run(self) -> None:
        """Write until stopped. Raise TooSlowError or psycopg2.Error if a write does not succeed."""
        chance = random.Random("writer")
        # Connecting may take its time; what the tests assert is about writes.
        connections = {name: connect(self._dsn, name) for name in (DEBIAN, DEPOT)}
        psycopg2.extensions.set_wait_callback(self._deadline.wait)
        due = time.monotonic()
        number = 0
        while not self._stopped:
            name, operation = OPERATIONS[number % len(OPERATIONS)]
            self._transact(connections[name], operation, chance)
            if number == 0:
                print("the first transaction is committed", file=sys.stderr, flush=True)
            number += 1
            if self._rate:
                due = max(due + 1 / self._rate, time.monotonic() - 1)
                self._sleep_until(due)
        for connection in connections.values():
            connection.close()

    def _transact(self, connection: Any, operation: Operation, chance: random.Random) -> None:
        self._deadline.start()
        begin = time.monotonic()
        try:
            with connection.cursor() as cursor:
                operation(cursor, chance)
            commit = time.monotonic()
            connection.commit()
        finally:
            # Also the one that failed counts.
            end = time.monotonic()
            if end - begin > self.longest:
                self.longest, self.slowest = end - begin, operation.__name__
        self.longest_commit = max(self.longest_commit, end - commit)
        self.count[operation.__name__] += 1
        if end - begin > self._limit:
            raise TooSlowError(f"{operation.__name__} took {end - begin:.3f} seconds")

    def _sleep_until(self, due: float) -> None:
        # In short pieces: Python goes on sleeping after a signal.
        while not self._stopped and (left := due - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))

    def report(self) -> dict[str, Any]:
        """Return what was done and the longest waits."""
        return {
            "transactions": sum(self.count.values()),
            "operations": dict(self.count),
            "max_transaction_seconds": round(self.longest, 4),
            "max_commit_seconds": round(self.longest_commit, 4),
            "slowest": self.slowest,
        }


def main() -> int:
    """Parse the command line, write, print the report, and return 1 if a write did not succeed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dsn", default="", help="as for postgresql.py")
    parser.add_argument(
        "--rate",
        type=float,
        default=50.0,
        help="transactions per second, 0: no pause (%(default)s)",
    )
    parser.add_argument(
        "--limit", type=float, default=1.0, help="seconds a transaction may take (%(default)s)"
    )
    arguments = parser.parse_args()
    writer = Writer(arguments.dsn, arguments.rate, arguments.limit)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, writer.stop)
    error = None
    began = time.monotonic()
    try:
        writer.run()
    except (TooSlowError, psycopg2.Error) as failure:
        error = f"{type(failure).__name__}: {failure}".strip()
        print(f"writer: {error}", file=sys.stderr)
    seconds = round(time.monotonic() - began, 3)
    print(json.dumps({**writer.report(), "seconds": seconds, "error": error}), flush=True)
    return 1 if error else 0


if __name__ == "__main__":
    sys.exit(main())
