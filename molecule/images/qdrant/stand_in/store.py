# SPDX-License-Identifier: GPL-3.0-or-later
"""All collections and their aliases, in the storage folder.

<storage>/collections/<name>/   one collection
<storage>/aliases.json          {alias: collection}
<storage>/.tmp/                 what is half done; emptied at the start
"""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .collection import Collection, read_json, write_json
from .errors import BadRequestError, ConflictError, NotFoundError

NAME = re.compile(r'[^<>:"/\\|?*\x00-\x1f]{1,255}')


class Store:
    """The collections that this server holds."""

    def __init__(self, folder: Path) -> None:
        """Open all collections of the folder, and discard what an earlier run left half done."""
        self._folder = folder
        self._lock = threading.RLock()
        shutil.rmtree(folder / ".tmp", ignore_errors=True)
        (folder / ".tmp").mkdir(parents=True)
        (folder / "collections").mkdir(exist_ok=True)
        aliases = folder / "aliases.json"
        self._aliases: dict[str, str] = read_json(aliases) if aliases.exists() else {}
        self._collections = {
            path.parent.name: Collection(path.parent)
            for path in sorted(folder.glob("collections/*/config.json"))
        }

    def names(self) -> list[str]:
        """Return the collections' names."""
        return sorted(self._collections)

    def get(self, name: str) -> Collection:
        """Return the collection of that name or alias. Raise NotFoundError without one."""
        with self._lock:
            found = self._collections.get(self.resolve(name))
        if found is None:
            raise NotFoundError(f"Not found: Collection `{name}` doesn't exist!")
        return found

    def resolve(self, name: str) -> str:
        """Return the name of the collection that a name or an alias means."""
        return self._aliases.get(name, name)

    def exists(self, name: str) -> bool:
        """Return whether there is a collection of that name or alias."""
        return self.resolve(name) in self._collections

    def create(self, name: str, config: dict[str, Any]) -> None:
        """Make a collection. Raise ConflictError if the name is taken."""
        self._check_name(name)
        with self._lock:
            if name in self._collections or name in self._aliases:
                raise ConflictError(f"Wrong input: Collection `{name}` already exists!")
            with self.temporary() as work:
                Collection.create(work / "collection", config).close()
                place = (work / "collection").rename(self._path(name))
            self._collections[name] = Collection(place)

    def delete(self, name: str) -> bool:
        """Delete a collection and its aliases. Return whether there was one."""
        with self._lock:
            name = self.resolve(name)
            collection = self._collections.pop(name, None)
            if collection is None:
                return False
            self._aliases = {a: target for a, target in self._aliases.items() if target != name}
            self._save_aliases()
            collection.close()
            with self.temporary() as work:
                # Out of the way in one step: half a collection must not be found at the start.
                collection.folder.rename(work / "deleted")
            return True

    def replace(self, name: str, folder: Path) -> None:
        """Put the collection that a folder holds in the place of the one of that name, if any."""
        self._check_name(name)
        with self._lock:
            present = self._collections.get(name)
            if present is None:
                self._collections[name] = Collection(folder.rename(self._path(name)))
                return
            with self.temporary() as work, present.at_rest() as place:
                place.rename(work / "replaced")
                folder.rename(place)

    def aliases(self, collection: str | None = None) -> list[dict[str, str]]:
        """Return all aliases, or those of one collection."""
        return [
            {"alias_name": alias, "collection_name": target}
            for alias, target in sorted(self._aliases.items())
            if collection in (None, target)
        ]

    def change_aliases(self, actions: list[dict[str, Any]]) -> None:
        """Create, rename and delete aliases: all of the actions or, if one cannot be, none."""
        changes: dict[str, Callable[..., None]] = {
            "create_alias": self._create_alias,
            "delete_alias": self._delete_alias,
            "rename_alias": self._rename_alias,
        }
        with self._lock:
            changed = dict(self._aliases)
            for action in actions:
                ((kind, arguments),) = action.items()
                if kind not in changes:
                    raise BadRequestError(f"Format error in JSON body: unknown action `{kind}`")
                changes[kind](changed, **arguments)
            self._aliases = changed
            self._save_aliases()

    @contextmanager
    def temporary(self) -> Iterator[Path]:
        """Lend a new folder for half-done work, on the same file system as the collections."""
        with tempfile.TemporaryDirectory(dir=self._folder / ".tmp") as path:
            yield Path(path)

    def each(self, action: Callable[[Collection], None]) -> None:
        """Call the action with every collection."""
        with self._lock:
            collections = list(self._collections.values())
        for collection in collections:
            action(collection)

    def _create_alias(self, table: dict[str, str], alias_name: str, collection_name: str) -> None:
        self._check_name(alias_name)
        if alias_name in self._collections:
            raise ConflictError(f"Wrong input: Collection `{alias_name}` already exists!")
        if collection_name not in self._collections:
            raise NotFoundError(f"Not found: Collection `{collection_name}` doesn't exist!")
        table[alias_name] = collection_name

    def _delete_alias(self, table: dict[str, str], alias_name: str) -> None:
        # The server, too, deletes one that is not there without a word.
        table.pop(alias_name, None)

    def _rename_alias(
        self, table: dict[str, str], old_alias_name: str, new_alias_name: str
    ) -> None:
        if old_alias_name not in table:
            raise NotFoundError(f"Not found: Alias {old_alias_name} does not exists!")
        table[new_alias_name] = table.pop(old_alias_name)

    def _save_aliases(self) -> None:
        write_json(self._folder / "aliases.json", self._aliases)

    def _path(self, name: str) -> Path:
        return self._folder / "collections" / name

    @staticmethod
    def _check_name(name: str) -> None:
        if not NAME.fullmatch(name) or name in (".", ".."):
            raise BadRequestError(
                f"Validation error in path parameters: [collection_name: `{name}`]"
            )
