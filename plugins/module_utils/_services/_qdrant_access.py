# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Qdrant is asked, and the note of which snapshots on the server are ours.

The server chooses the names of snapshots, so that a name alone tells nobody whose it is. Before a
snapshot is asked for, a file in the state directory notes which ones were there, afterwards its
name: that is how a later run finds what a killed one left.
"""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ansible_collections.janus.backup.plugins.module_utils import _http
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import (
    private_directory,
    read_secret,
    write_atomically,
)

_PORT = 6333


class Api:
    """The REST interface of one server."""

    def __init__(self, service: dict[str, Any]) -> None:
        path = service.get("password_file")
        headers = {"api-key": read_secret(path)} if path else {}
        timeout = service["options"].get("timeout", 3600)
        self.server = _http.server(service, "Qdrant", _PORT, headers, timeout)
        self.place = self.server.place

    def ask(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Given a path, return the result that the answer holds. Raise BackupError if there is
        none: RefusedError as long as the key is not the reason.
        """
        with self.explained():
            return self.server.ask(path, method, body)["result"]

    @contextlib.contextmanager
    def explained(self) -> Any:
        """Say what it means that the server refuses a key."""
        try:
            yield
        except _http.RefusedError as error:
            if error.status == 401:
                raise BackupError(f"{self.place} refuses the API key") from error
            if error.status == 403:
                raise BackupError(
                    f"the API key for {self.place} is not enough: snapshots need one that may write"
                ) from error
            raise

    def version(self) -> str:
        """Return the server's version."""
        found: str = self.server.ask("/")["version"]
        return found

    def collections(self) -> list[str]:
        """Return the names of all collections."""
        return sorted(entry["name"] for entry in self.ask("/collections")["collections"])

    def aliases(self) -> dict[str, str]:
        """Return which collection each alias stands for."""
        found = self.ask("/aliases")["aliases"]
        return {entry["alias_name"]: entry["collection_name"] for entry in found}

    def snapshots(self, collection: str) -> list[dict[str, Any]]:
        """Return the snapshots of a collection on the server; none of one that is gone."""
        try:
            found: list[dict[str, Any]] = self.ask(f"{of(collection)}/snapshots")
        except _http.RefusedError as error:
            if error.status == 404:
                return []
            raise
        return found

    def remove_snapshot(self, collection: str, name: str) -> None:
        """Delete a snapshot from the server, unless it is gone."""
        try:
            self.ask(f"{of(collection)}/snapshots/{quote(name, safe='')}?wait=true", "DELETE")
        except _http.RefusedError as error:
            if error.status != 404:
                raise


def of(collection: str) -> str:
    """Given a collection's name, return its path."""
    return f"/collections/{quote(collection, safe='')}"


class Ours:
    """The note of our snapshots on the server: {collection: {before: [...], name: … or null}}."""

    def __init__(self, service: dict[str, Any]) -> None:
        folder = Path(service["state_directory"]) / "qdrant" / service["job"]
        self._path = folder / f"{service['name']}.json"

    def _read(self) -> dict[str, Any]:
        try:
            noted: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return noted

    def note(self, collection: str, before: list[str], name: str | None = None) -> None:
        """Note that a snapshot beside those before is about to be made, or is by this name."""
        private_directory(self._path.parent)
        noted = {**self._read(), collection: {"before": before, "name": name}}
        write_atomically(self._path, json.dumps(noted))

    def forget(self, collection: str) -> None:
        """Note that we have no snapshot of a collection any more."""
        noted = {name: entry for name, entry in self._read().items() if name != collection}
        if noted:
            write_atomically(self._path, json.dumps(noted))
        else:
            self._path.unlink(missing_ok=True)

    def sweep(self, api: Api, patience: float = 0) -> None:
        """Delete what is noted. For what was asked for and has not appeared wait so many seconds,
        since the server may still be making it; then it stays noted.
        """
        deadline = time.monotonic() + patience
        for collection, entry in self._read().items():
            name = entry["name"] or _later(api, collection, entry["before"])
            while name is None and time.monotonic() < deadline:
                time.sleep(0.5)
                name = _later(api, collection, entry["before"])
            if name is not None:
                api.remove_snapshot(collection, name)
                self.forget(collection)

    def forget_all(self) -> None:
        """Note that we have no snapshot at all."""
        self._path.unlink(missing_ok=True)


def _later(api: Api, collection: str, before: list[str]) -> str | None:
    """Return the first snapshot that was made after those before: ours, if we asked for one."""
    later = [
        (snapshot["creation_time"] or "", snapshot["name"])
        for snapshot in api.snapshots(collection)
        if snapshot["name"] not in before
    ]
    return min(later)[1] if later else None
