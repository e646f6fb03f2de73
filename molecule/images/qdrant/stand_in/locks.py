# SPDX-License-Identifier: GPL-3.0-or-later
"""A lock that many readers or one writer can hold."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class SharedLock:
    """Held by any number of threads that use a thing, or by the one that closes or replaces it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._users = 0
        self._owned = False
        self._waiting = 0

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold the lock together with others."""
        with self._changed:
            # Whoever waits for the thing alone goes first, or steady use would starve it.
            self._changed.wait_for(lambda: not self._owned and not self._waiting)
            self._users += 1
        try:
            yield
        finally:
            with self._changed:
                self._users -= 1
                self._changed.notify_all()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the lock alone."""
        with self._changed:
            self._waiting += 1
            try:
                self._changed.wait_for(lambda: not self._owned and not self._users)
            finally:
                self._waiting -= 1
            self._owned = True
        try:
            yield
        finally:
            with self._changed:
                self._owned = False
                self._changed.notify_all()
