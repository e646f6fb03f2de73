# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill a Qdrant server with vectors of this machine's packages, computed here without any model.

Deletes and makes anew its own collections, leaves all others alone, and gives the same points for
the same packages. The vectors are hashed words and letters, so that what is alike is near.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import math
import os
import re
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from packages import Package, catalogue

PACKAGES = "packages"
MAINTAINERS = "maintainers"
EMPTY = "leer"
# Not ASCII, with blanks, and with what looks like an escape or a parameter.
AWKWARD = "dépôt süd %2F a=1&b"
ALIASES = {"current": PACKAGES, "Wörter mit Leerzeichen": PACKAGES, "people": MAINTAINERS}
BATCH = 200
WORD_SIZE, NAME_SIZE = 96, 24

COLLECTIONS: dict[str, dict[str, Any]] = {
    PACKAGES: {
        "vectors": {
            "description": {"size": WORD_SIZE, "distance": "Cosine"},
            "name": {"size": NAME_SIZE, "distance": "Euclid"},
            "sentences": {
                "size": NAME_SIZE,
                "distance": "Dot",
                "multivector_config": {"comparator": "max_sim"},
            },
        },
        "sparse_vectors": {"words": {}},
        "hnsw_config": {"m": 8, "ef_construct": 64},
    },
    MAINTAINERS: {"vectors": {"size": WORD_SIZE, "distance": "Dot"}, "on_disk_payload": False},
    EMPTY: {"vectors": {"size": 4, "distance": "Manhattan"}},
    AWKWARD: {"vectors": {"ü": {"size": 2, "distance": "Cosine"}}},
}
INDEXES: dict[str, Any] = {
    "section": "keyword",
    "size": "integer",
    "ratio": "float",
    "essential": "bool",
    "built": "datetime",
    "place": "geo",
    "relations[].name": "keyword",
    "description": {"type": "text", "tokenizer": "word", "min_token_len": 2, "lowercase": True},
}


class Server:
    """The server's REST interface."""

    def __init__(self, url: str, key: str | None) -> None:
        """Take the server's address and, if it wants one, the API key."""
        self._url = url.rstrip("/")
        self._headers = {"Content-Type": "application/json", **({"api-key": key} if key else {})}
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask for a path and return the result. Raise RuntimeError if refused."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, self._headers, method=method)
        try:
            with self._open(request, timeout=60) as answer:
                return json.load(answer)["result"]
        except urllib.error.HTTPError as refusal:
            said = refusal.read().decode(errors="replace")
            raise RuntimeError(f"{method} {path}: {refusal.code} {said}") from refusal
        except OSError as problem:
            raise RuntimeError(f"cannot reach the server: {problem}") from problem

    def insert(self, collection: str, points: Iterable[dict[str, Any]]) -> int:
        """Insert points in batches and return how many there were."""
        count, path = 0, f"/collections/{quote(collection)}/points?wait=true"
        rest = iter(points)
        while batch := list(itertools.islice(rest, BATCH)):
            self.ask("PUT", path, {"points": batch})
            count += len(batch)
        return count


def hashed(parts: Iterable[str], size: int) -> list[float]:
    """Return a vector of unit length in which every part has its place and sign."""
    vector = [0.0] * size
    for part in parts:
        number = int.from_bytes(hashlib.blake2b(part.encode(), digest_size=8).digest(), "big")
        vector[number % size] += 1.0 if number >> 63 else -1.0
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [value / length for value in vector]


def words(text: str) -> list[str]:
    """Return the words of a text."""
    return re.findall(r"\w\w+", text.lower())


def letters(text: str) -> list[str]:
    """Return every three letters in a row."""
    padded = f"^{text}$"
    return [padded[place : place + 3] for place in range(len(padded) - 2)]


def sparse(text: str) -> dict[str, list[Any]]:
    """Return how often each word is in a text, as a sparse vector."""
    counts = Counter(
        int.from_bytes(hashlib.blake2b(word.encode(), digest_size=4).digest(), "big")
        for word in words(text)
    )
    return {"indices": list(counts), "values": [1 + math.log(n) for n in counts.values()]}


def payload(package: Package, number: int) -> dict[str, Any]:
    """Return a payload with values of every kind."""
    size, installed = package.size or 0, package.installed_size or 1
    found: dict[str, Any] = {
        "name": package.name,
        "version": package.version,
        "section": package.section,
        "description": package.description,
        "essential": package.essential,
        "size": size,
        "ratio": size / (1024 * installed + 1),
        "built": f"2026-{1 + number % 12:02}-{1 + number % 28:02}T12:{number % 60:02}:00.5Z",
        "place": {"lon": number % 360 - 179.5, "lat": number % 180 - 89.25},
        "relations": [
            {"name": each.alternatives[0].name, "kind": each.kind, "version": None}
            for each in package.dependencies[:5]
        ],
        "tags": list(package.tags),
    }
    awkward: list[dict[str, Any]] = [
        {},
        {"big": 2**63 - 1, "small": -(2**63), "tiny": 5e-324, "third": 1 / 3, "zero": -0.0},
        {"nothing": None, "empty": {}, "none": [], "": "no name"},
        {"mixed": [1, "1", 1.0, True, None, [["deep"]], {"a.b": {"c[]": "ü\x00\n\u2028"}}]},
    ]
    return found | awkward[number % len(awkward)]


def package_points(world: Iterable[Package]) -> Iterator[dict[str, Any]]:
    """Yield a point per package; now and then without some of its vectors, or without payload."""
    for number, package in enumerate(world):
        text = package.description
        vectors = {
            "description": hashed(words(text), WORD_SIZE),
            "name": hashed(letters(package.name), NAME_SIZE),
            "sentences": [hashed(words(line), NAME_SIZE) for line in text.split("\n")[:6]],
            "words": sparse(text),
        }
        if number % 7 == 3:
            vectors = {"name": vectors["name"]}
        key = f"{package.name} {package.version} {package.architecture}"
        # A number, or for every third a UUID.
        digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
        identity = int.from_bytes(digest[:7], "big") if number % 3 else str(uuid.UUID(bytes=digest))
        point: dict[str, Any] = {"id": identity, "vector": vectors}
        if number % 11 != 5:
            point["payload"] = payload(package, number)
        yield point


def maintainer_points(world: Iterable[Package]) -> Iterator[dict[str, Any]]:
    """Yield a point per maintainer with the sum of the words of all their packages."""
    texts: dict[str, list[str]] = {}
    for package in world:
        texts.setdefault(package.maintainer, []).append(package.description.split("\n")[0])
    for number, (name, lines) in enumerate(sorted(texts.items())):
        vector = hashed(words(" ".join(lines)), WORD_SIZE)
        yield {"id": number, "vector": vector, "payload": {"name": name, "packages": len(lines)}}


def seed(server: Server, limit: int) -> dict[str, Any]:
    """Seed the server and return what was made."""
    began = time.monotonic()
    present = {entry["name"] for entry in server.ask("GET", "/collections")["collections"]}
    for name, config in COLLECTIONS.items():
        path = f"/collections/{quote(name)}"
        if name in present:
            server.ask("DELETE", path)
        server.ask("PUT", path, config)
    for field, schema in INDEXES.items():
        body = {"field_name": field, "field_schema": schema}
        server.ask("PUT", f"/collections/{PACKAGES}/index?wait=true", body)
    # The extremes of a 32-bit float, and a vector without length, which has no direction.
    extremes = [[3.4028234663852886e38, 1e-38], [0.0, 0.0], [-1.0, 1e-45]]
    odd = [{"id": 2**64 - 1 - n, "vector": {"ü": pair}} for n, pair in enumerate(extremes)]
    with catalogue(limit) as world:
        points = {
            PACKAGES: server.insert(PACKAGES, package_points(world)),
            MAINTAINERS: server.insert(MAINTAINERS, maintainer_points(world)),
            EMPTY: 0,
            AWKWARD: server.insert(AWKWARD, odd),
        }
    actions = [
        {"create_alias": {"alias_name": alias, "collection_name": name}}
        for alias, name in ALIASES.items()
    ]
    server.ask("POST", "/collections/aliases", {"actions": actions})
    return {"points": points, "seconds": round(time.monotonic() - began, 1)}


def main() -> int:
    """Parse the command line, seed, and print the result as one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--url",
        default="http://127.0.0.1:6333",
        help="the server's REST interface (%(default)s); the key comes from QDRANT_API_KEY",
    )
    parser.add_argument("--packages", type=int, default=2000, help="packages at most (%(default)s)")
    arguments = parser.parse_args()
    if arguments.packages < 10:
        parser.error("at least 10 packages")
    server = Server(arguments.url, os.environ.get("QDRANT_API_KEY"))
    try:
        result = seed(server, arguments.packages)
    except RuntimeError as failure:
        parser.exit(1, f"qdrant.py: {failure}\n")
    print(json.dumps(result, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
