# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of collections: a tar of a collection's folder at rest, and its sha256 beside it.

The server's own snapshots are tars of its own folders: neither reads those of the other.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from urllib import request
from urllib.parse import unquote, urlsplit

from .collection import read_json
from .convert import vectors_of
from .errors import BadRequestError, NotFoundError
from .store import Store

# The server's own names carry the number of the peer.
PEER = 1
CHUNK = 1 << 20


class Snapshots:
    """The snapshots of all collections, in a folder for each."""

    def __init__(self, store: Store, folder: Path, url_recovery: bool) -> None:
        """Keep the snapshots of the store's collections in the folder."""
        self._store = store
        self._folder = folder
        self._url_recovery = url_recovery
        folder.mkdir(parents=True, exist_ok=True)

    def create(self, name: str) -> dict[str, Any]:
        """Make a snapshot of a collection. Return its description."""
        collection = self._store.get(name)
        target = self._folder / self._store.resolve(name)
        target.mkdir(exist_ok=True)
        path = self._new_path(target)
        with self._store.temporary() as work:
            archive = work / "snapshot"
            with collection.at_rest() as folder:
                # The engine's files are mostly holes, which only a sparse archive leaves out.
                _tar("--create", "--sparse", "--file", archive, "--directory", folder, ".")
            with archive.open("rb") as source:
                digest = hashlib.file_digest(source, "sha256").hexdigest()
            _sidecar(path).write_text(digest, encoding="utf-8")
            # Storage and snapshots are two volumes: moved under another name, then renamed.
            arriving = path.with_suffix(".part")
            shutil.move(archive, arriving)
        arriving.rename(path)
        return _describe(path)

    def listing(self, name: str) -> list[dict[str, Any]]:
        """Return the descriptions of a collection's snapshots."""
        self._store.get(name)
        folder = self._folder / self._store.resolve(name)
        return [_describe(path) for path in sorted(folder.glob("*.snapshot"))]

    def path(self, name: str, snapshot: str) -> Path:
        """Return the file of a snapshot. Raise NotFoundError without one."""
        self._store.get(name)
        path = self._folder / self._store.resolve(name) / snapshot
        if "/" in snapshot or not snapshot.endswith(".snapshot") or not path.is_file():
            raise NotFoundError(f"Not found: Snapshot {snapshot} not found")
        return path

    def delete(self, name: str, snapshot: str) -> None:
        """Delete a snapshot."""
        path = self.path(name, snapshot)
        path.unlink()
        _sidecar(path).unlink(missing_ok=True)

    def recover(self, name: str, location: str, checksum: str | None, api_key: str | None) -> None:
        """Put the snapshot at a location (file or http address) in a collection's place."""
        scheme = urlsplit(location).scheme
        if scheme == "file":
            path = Path(unquote(urlsplit(location).path)).resolve()
            if not path.is_relative_to(self._folder.resolve()):
                raise BadRequestError(f"Wrong input: {location} is not in the snapshots directory")
            if not path.is_file():
                raise BadRequestError(f"Wrong input: Snapshot file {path} does not exist")
            with path.open("rb") as source:
                self.upload(name, source, checksum)
        elif scheme in ("http", "https") and self._url_recovery:
            wanted = request.Request(location, headers={"api-key": api_key} if api_key else {})
            with request.urlopen(wanted) as source:
                self.upload(name, source, checksum)
        else:
            raise BadRequestError(f"Wrong input: cannot recover from {location}")

    def upload(self, name: str, source: IO[bytes], checksum: str | None) -> None:
        """Put the snapshot that a stream holds in a collection's place; make it if there is none.

        Raise BadRequestError if the checksum is another, the stream holds no snapshot, or the
        collection's vectors are of another kind.
        """
        with self._store.temporary() as work:
            archive, folder = work / "snapshot", work / "collection"
            digest = _receive(source, archive)
            if checksum and checksum != digest:
                raise BadRequestError(
                    f"Wrong input: Snapshot checksum mismatch: expected {checksum}, got {digest}"
                )
            folder.mkdir()
            try:
                _tar("--extract", "--file", archive, "--directory", folder)
                config = read_json(folder / "config.json")["config"]
            except (subprocess.CalledProcessError, OSError, ValueError, KeyError) as problem:
                raise BadRequestError(
                    "Wrong input: this is no snapshot of the stand-in"
                ) from problem
            self._check_config(name, config)
            self._store.replace(self._store.resolve(name), folder)

    def _check_config(self, name: str, config: dict[str, Any]) -> None:
        """Raise BadRequestError if a collection of that name holds vectors that differ."""
        if not self._store.exists(name):
            return
        present = self._store.get(name).config
        for aspect in (_shape, lambda each: each.get("shard_number") or 1):
            if aspect(present) != aspect(config):
                raise BadRequestError(
                    "Wrong input: Snapshot is not compatible with existing collection: "
                    f"Collection: {aspect(present)} Snapshot: {aspect(config)}"
                )

    def _new_path(self, folder: Path) -> Path:
        stamp = datetime.now(UTC).strftime("%Y-%m-%d-%H-%M-%S")
        stem = f"{folder.name}-{PEER}-{stamp}"
        path, number = folder / f"{stem}.snapshot", 1
        while path.exists():
            path, number = folder / f"{stem}-{number}.snapshot", number + 1
        return path


def _shape(config: dict[str, Any]) -> dict[str, Any]:
    dense = {name: (each["size"], each["distance"]) for name, each in vectors_of(config).items()}
    return dense | dict.fromkeys(config.get("sparse_vectors") or {}, "sparse")


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".checksum")


def _describe(path: Path) -> dict[str, Any]:
    found = path.stat()
    made = datetime.fromtimestamp(found.st_mtime, UTC)
    sidecar = _sidecar(path)
    return {
        "name": path.name,
        "creation_time": made.strftime("%Y-%m-%dT%H:%M:%S"),
        "size": found.st_size,
        "checksum": sidecar.read_text(encoding="utf-8") if sidecar.exists() else None,
    }


def _receive(source: IO[bytes], path: Path) -> str:
    """Write a stream to a file. Return the sha256 of what came."""
    digest = hashlib.sha256()
    with path.open("wb") as sink:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            sink.write(chunk)
    return digest.hexdigest()


def _tar(*arguments: str | Path) -> None:
    subprocess.run(["tar", *map(str, arguments)], check=True, capture_output=True)
