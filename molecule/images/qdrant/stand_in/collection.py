# SPDX-License-Identifier: GPL-3.0-or-later
"""One collection: a shard of the engine in a folder, beside it the configuration it was made with.

<folder>/config.json    {"config": body of the creating request, "indexes": {field: schema}}
<folder>/shard/         the engine's own
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import qdrant_edge as edge

from . import convert, indexes
from .errors import NotFoundError
from .locks import SharedLock

Result = TypeVar("Result")


def write_json(path: Path, value: Any) -> None:
    """Replace a file by one that holds the value, whole at any moment."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8") as sink:
        json.dump(value, sink, indent=1, sort_keys=True)
        sink.flush()
        os.fsync(sink.fileno())
    temporary.replace(path)


def read_json(path: Path) -> Any:
    """Return the value that a file holds."""
    return json.loads(path.read_text(encoding="utf-8"))


class Collection:
    """An open collection."""

    def __init__(self, folder: Path) -> None:
        """Open the collection that the folder holds."""
        self.folder = folder
        self._lock = SharedLock()
        self._operations = itertools.count()
        self._open()

    @classmethod
    def create(cls, folder: Path, config: dict[str, Any]) -> Collection:
        """Make a collection in a folder that does not exist yet, and open it."""
        engine_config = convert.edge_config(config)
        folder.mkdir(parents=True)
        # The engine makes its folder itself, but not the path to it.
        edge.EdgeShard.create(str(folder / "shard"), engine_config).close()
        # Last, since the file is what makes the folder a collection to a server that starts.
        write_json(folder / "config.json", {"config": config, "indexes": {}})
        return cls(folder)

    @property
    def config(self) -> dict[str, Any]:
        """The body of the request that created the collection."""
        config: dict[str, Any] = self._described["config"]
        return config

    def info(self) -> dict[str, Any]:
        """Return counts, configuration and indexes, as the REST interface shows a collection."""
        with self._lock.shared():
            shard = self._shard.info()
            schema = indexes.describe(self._shard, self._described["indexes"])
        return {
            "status": "green",
            "optimizer_status": "ok",
            "indexed_vectors_count": shard.indexed_vectors_count,
            "points_count": shard.points_count,
            "segments_count": shard.segments_count,
            "config": _full_config(self.config),
            "payload_schema": schema,
        }

    def use(self, action: Callable[[edge.EdgeShard], Result]) -> Result:
        """Return what the action, called with the shard, returns."""
        with self._lock.shared():
            return action(self._shard)

    def update(self, *operations: edge.UpdateOperation) -> dict[str, Any]:
        """Apply updates. Return what the REST interface answers to them."""
        with self._lock.shared():
            for operation in operations:
                self._shard.update(operation)
            return {"operation_id": next(self._operations), "status": "completed"}

    def create_index(self, field: str, schema: str | dict[str, Any]) -> dict[str, Any]:
        """Index a payload field."""
        operation = edge.UpdateOperation.create_field_index(field, indexes.build(schema))
        self._remember({**self._described["indexes"], field: schema})
        return self.update(operation)

    def delete_index(self, field: str) -> dict[str, Any]:
        """Drop a payload field's index. Dropping one that is not there is no failure."""
        schemas = {name: each for name, each in self._described["indexes"].items() if name != field}
        self._remember(schemas)
        return self.update(edge.UpdateOperation.delete_field_index(field))

    def vector_of(self, point_id: int | str, name: str) -> Any:
        """Return a point's vector of that name. Raise NotFoundError if there is none."""
        found = self.use(lambda shard: shard.retrieve([point_id], False, True))
        held = found[0].vector if found else None
        vector = held.get(name) if isinstance(held, dict) else held
        if vector is None:
            raise NotFoundError(f"Not found: No point with id {point_id} found")
        return vector

    def flush(self) -> None:
        """Write to disk what the engine still holds in memory."""
        self.use(lambda shard: shard.flush())

    def close(self) -> None:
        """Write all to disk and release the folder."""
        with self._lock.exclusive():
            self._close()

    @contextmanager
    def at_rest(self) -> Iterator[Path]:
        """Lend the folder, complete and used by nobody; the collection waits, then opens again."""
        with self._lock.exclusive():
            self._close()
            try:
                yield self.folder
            finally:
                self._open()

    def _open(self) -> None:
        self._described = read_json(self.folder / "config.json")
        self._shard = edge.EdgeShard.load(str(self.folder / "shard"))

    def _close(self) -> None:
        self._shard.flush()
        self._shard.close()

    def _remember(self, schemas: dict[str, Any]) -> None:
        with self._lock.exclusive():
            self._described["indexes"] = schemas
            write_json(self.folder / "config.json", self._described)


def _full_config(given: dict[str, Any]) -> dict[str, Any]:
    """Return a collection's configuration with the server's defaults for what was not given."""
    params = {
        "vectors": given.get("vectors") or {},
        "shard_number": given.get("shard_number") or 1,
        "replication_factor": given.get("replication_factor") or 1,
        "write_consistency_factor": given.get("write_consistency_factor") or 1,
        "on_disk_payload": given.get("on_disk_payload", True),
    }
    if given.get("sparse_vectors"):
        params["sparse_vectors"] = given["sparse_vectors"]
    hnsw = {
        "m": 16,
        "ef_construct": 100,
        "full_scan_threshold": 10000,
        "max_indexing_threads": 0,
        "on_disk": False,
    }
    optimizers = {
        "deleted_threshold": 0.2,
        "vacuum_min_vector_number": 1000,
        "default_segment_number": 0,
        "max_segment_size": None,
        "memmap_threshold": None,
        "indexing_threshold": 10000,
        "flush_interval_sec": 5,
        "max_optimization_threads": None,
    }
    wal = {"wal_capacity_mb": 32, "wal_segments_ahead": 0}
    return {
        "params": params,
        "hnsw_config": hnsw | (given.get("hnsw_config") or {}),
        "optimizer_config": optimizers | (given.get("optimizers_config") or {}),
        "wal_config": wal | (given.get("wal_config") or {}),
        "quantization_config": given.get("quantization_config"),
    }
