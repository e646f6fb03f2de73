# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the package world of this machine as plain, ordered records.

The seeders fill databases, stores and brokers with real data that every Debian machine carries: the
packages its apt lists offer, or, where there are no lists, the packages it has installed.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

STATUS = Path("/var/lib/dpkg/status")

# In the order in which a record lists them.
RELATION_FIELDS = (
    "depends",
    "pre-depends",
    "recommends",
    "suggests",
    "enhances",
    "breaks",
    "conflicts",
    "replaces",
    "provides",
)

_ALTERNATIVE = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9+._-]*)"
    r"(?::(?P<qualifier>[a-z0-9-]+))?"
    r"\s*(?:\(\s*(?P<relation><<|<=|=|>=|>>|<|>)\s*(?P<version>[^)\s]+)\s*\))?"
)
# Spellings that dpkg still reads and that mean "or equal".
_OLD_RELATIONS = {"<": "<=", ">": ">="}


@dataclass(frozen=True, slots=True)
class Alternative:
    """One package that can satisfy a dependency, with the versions that do."""

    name: str
    qualifier: str | None = None
    relation: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Dependency:
    """One relation to other packages; any one of the alternatives satisfies it."""

    kind: str
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True)
class Package:
    """One version of one package for one architecture; sizes are KiB installed, bytes archived."""

    name: str
    version: str
    architecture: str
    source: str
    section: str | None
    priority: str | None
    essential: bool
    multi_arch: str | None
    maintainer: str
    installed_size: int | None
    size: int | None
    dependencies: tuple[Dependency, ...]
    description: str
    homepage: str | None
    tags: tuple[str, ...]
    filename: str | None
    sha256: str | None


def paragraphs(lines: Iterable[bytes]) -> Iterator[dict[str, str]]:
    """Given the lines of a deb822 file, yield each paragraph as fields with lower-case names.

    A continuation line keeps its text, without the blank in front and after a line feed.
    """
    fields: dict[str, str] = {}
    name = ""
    for raw in lines:
        # A stray byte must neither stop a seeder nor depend on the locale.
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, ""
        elif line[0] in " \t":
            if name:
                fields[name] += "\n" + line[1:]
        elif line[0] != "#":
            head, colon, value = line.partition(":")
            name = head.strip().lower() if colon else ""
            if name:
                fields[name] = value.strip()
    if fields:
        yield fields


def alternatives(text: str) -> tuple[Alternative, ...]:
    """Given one element of a relation field, return its alternatives, the unreadable left out."""
    found = []
    for part in text.split("|"):
        match = _ALTERNATIVE.match(part.strip())
        if match:
            relation = match["relation"]
            relation = _OLD_RELATIONS.get(relation, relation)
            found.append(Alternative(match["name"], match["qualifier"], relation, match["version"]))
    return tuple(found)


def dependencies(fields: dict[str, str]) -> tuple[Dependency, ...]:
    """Given a paragraph, return all its relations, in the order of RELATION_FIELDS."""
    found = []
    for kind in RELATION_FIELDS:
        for element in fields.get(kind, "").split(","):
            choices = alternatives(element)
            if choices:
                found.append(Dependency(kind, choices))
    return tuple(found)


def package(fields: dict[str, str]) -> Package:
    """Given a paragraph with at least package and version, return the record."""
    return Package(
        name=fields["package"],
        version=fields["version"],
        architecture=fields.get("architecture", "all"),
        # "Source: name (version)" when the two versions differ.
        source=fields.get("source", fields["package"]).split(" ")[0],
        section=fields.get("section"),
        priority=fields.get("priority"),
        essential=fields.get("essential") == "yes",
        multi_arch=fields.get("multi-arch"),
        maintainer=fields.get("maintainer", "unknown"),
        installed_size=_number(fields.get("installed-size")),
        size=_number(fields.get("size")),
        dependencies=dependencies(fields),
        # A lone full stop stands for an empty line.
        description=re.sub(r"(?m)^\.$", "", fields.get("description", "")),
        homepage=fields.get("homepage"),
        tags=tuple(sorted(tag for tag in re.split(r"[,\s]+", fields.get("tag", "")) if tag)),
        filename=fields.get("filename"),
        sha256=fields.get("sha256"),
    )


class Catalogue:
    """The packages in a deb822 file, sorted, read again on each iteration.

    Only the names and offsets are held in memory, so that a seeder may pass over the packages once
    per table and stay flat.
    """

    def __init__(self, source: BinaryIO, limit: int | None = None) -> None:
        """Index the seekable file; with a limit keep that many packages.

        The limit keeps the packages whose names have the smallest hashes: a sample from the whole
        alphabet that changes little when packages come and go.
        """
        self._source = source
        places = _places(source)
        if limit is not None and limit < len(places):
            chosen = sorted(places, key=lambda key: (_spread(key[0]), key))[:limit]
        else:
            chosen = list(places)
        self._places = [places[key] for key in sorted(chosen)]

    def __len__(self) -> int:
        """Return the number of packages."""
        return len(self._places)

    def __iter__(self) -> Iterator[Package]:
        """Yield the packages by name, version and architecture."""
        for offset, length in self._places:
            self._source.seek(offset)
            for fields in paragraphs(self._source.read(length).splitlines()):
                yield package(fields)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._source.close()


def catalogue(limit: int | None = None, status: Path = STATUS) -> Catalogue:
    """Return the packages that apt offers on this machine, or else those that are installed.

    Raise OSError if there is neither apt nor a status file.
    """
    # A file and not a pipe: the records are sorted, and read more than once.
    spool = tempfile.TemporaryFile()  # noqa: SIM115 - the catalogue closes it
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        subprocess.run(
            ["apt-cache", "dumpavail"],
            stdout=spool,
            stderr=subprocess.DEVNULL,
            env=environment,
            check=True,
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        # Half an answer is none.
        spool.truncate(0)
    offered = Catalogue(spool, limit)
    if len(offered):
        return offered
    spool.close()
    return Catalogue(status.open("rb"), limit)


def _places(source: BinaryIO) -> dict[tuple[str, str, str], tuple[int, int]]:
    """Return offset and length of each complete paragraph by name, version and architecture."""
    places: dict[tuple[str, str, str], tuple[int, int]] = {}
    source.seek(0)
    start = offset = 0
    seen: dict[str, str] = {}

    def close() -> None:
        # What was removed but left its configuration has no version worth a record.
        present = seen.get("status", "installed").split(" ")[-1] == "installed"
        if "package" in seen and "version" in seen and present:
            key = (seen["package"], seen["version"], seen.get("architecture", "all"))
            places.setdefault(key, (start, offset - start))

    for line in source:
        if not line.strip():
            close()
            seen.clear()
            start = offset + len(line)
        elif line.startswith((b"Package:", b"Version:", b"Architecture:", b"Status:")):
            name, _, value = line.decode("utf-8", "replace").partition(":")
            seen[name.lower()] = value.strip()
        offset += len(line)
    close()
    return places


def _spread(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=8).digest()


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None
