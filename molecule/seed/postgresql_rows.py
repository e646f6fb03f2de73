# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of the package database, as PostgreSQL's COPY reads them."""

from __future__ import annotations

import datetime
import itertools
import json
import random
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from packages import Catalogue, Package

START = datetime.datetime(2023, 6, 10, 12, tzinfo=datetime.UTC)
DOWNLOADS = 100_000
BUILDS = 13_000

Row = Sequence[Any]
# Name, columns and rows.
Table = tuple[str, str, Iterable[Row]]


class RowStream:
    """Rows as the readable file that COPY asks for, never more than one block of them at once."""

    def __init__(self, rows: Iterable[Row]) -> None:
        """Take the rows; they are read while COPY runs."""
        self._lines = ("\t".join(map(field, row)) + "\n" for row in rows)
        self._rest = b""

    def read(self, size: int = 65536) -> bytes:
        """Return up to size bytes, none at the end."""
        parts, length = [self._rest], len(self._rest)
        while length < size:
            text = "".join(itertools.islice(self._lines, 64)).encode()
            if not text:
                break
            parts.append(text)
            length += len(text)
        block = b"".join(parts)
        self._rest = block[size:]
        return block[:size]


def field(value: object) -> str:
    """Given a value, return it as a field of COPY's text format."""
    if value is None:
        return "\\N"
    if isinstance(value, str):
        text = value
    elif isinstance(value, bool):
        return "t" if value else "f"
    elif isinstance(value, bytes):
        return "\\\\x" + value.hex()
    elif isinstance(value, dict):
        text = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, tuple | list):
        text = "{" + ",".join(_element(element) for element in value) + "}"
    else:
        return str(value)
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    return text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _element(value: object) -> str:
    """Return an element of an array or a composite value; both quote alike."""
    if value is None:
        return "NULL"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True)
class Survey:
    """What several tables need to know of all packages; small, and gathered in one pass."""

    sections: dict[str, int]
    maintainers: dict[str, int]
    names: list[str]
    files: list[tuple[int, str]]


def survey(world: Catalogue) -> Survey:
    """Count the packages of each section, number the maintainers, note names and files."""
    sections: Counter[str] = Counter()
    maintainers: set[str] = set()
    names, files = [], []
    for entry in world:
        if entry.section:
            sections[entry.section] += 1
        maintainers.add(entry.maintainer)
        names.append(entry.name)
        files.append((entry.size or 0, entry.filename or entry.name))
    numbered = {name: number for number, name in enumerate(sorted(maintainers), 1)}
    return Survey(dict(sorted(sections.items())), numbered, names, files)


def maintainer_rows(known: dict[str, int]) -> Iterator[Row]:
    """Yield the maintainers, most of them with a mentor."""
    for maintainer, number in known.items():
        name, _, address = maintainer.rpartition("<")
        email = address.rstrip("> ") if name else None
        mentor = number // 2 if number % 9 else None
        yield number, name.strip() or maintainer, email, mentor or None


def package_rows(world: Catalogue, known: dict[str, int]) -> Iterator[Row]:
    """Yield the packages; their numbers are their places in the catalogue."""
    chance = random.Random("package")
    for number, entry in enumerate(world, 1):
        control = {
            "filename": entry.filename,
            "multi_arch": entry.multi_arch,
            "relations": Counter(dependency.kind for dependency in entry.dependencies),
            "first": [
                {"name": choice.name, "bound": [choice.relation, choice.version]}
                for dependency in entry.dependencies[:4]
                for choice in dependency.alternatives
            ],
        }
        yield (
            number,
            entry.name,
            entry.version,
            entry.architecture,
            entry.source,
            entry.section,
            entry.priority or "unknown",
            known[entry.maintainer],
            entry.essential,
            entry.installed_size,
            entry.size,
            entry.description,
            entry.homepage,
            entry.tags,
            control,
            bytes.fromhex(entry.sha256) if entry.sha256 else None,
            uuid.uuid5(uuid.NAMESPACE_URL, f"{entry.name}={entry.version}={entry.architecture}"),
            START + datetime.timedelta(microseconds=chance.getrandbits(50)),
            "NaN" if number % 997 == 0 else None if number % 97 == 0 else chance.random() ** 9,
        )


def dependency_rows(world: Catalogue) -> Iterator[Row]:
    """Yield one row for each alternative of each relation."""
    for number, entry in enumerate(world, 1):
        for position, dependency in enumerate(entry.dependencies):
            for choice, other in enumerate(dependency.alternatives):
                bound = None
                if other.relation:
                    bound = f"({_element(other.relation)},{_element(other.version)})"
                yield (
                    number,
                    dependency.kind,
                    position,
                    choice,
                    other.name,
                    other.qualifier,
                    bound,
                )


def download_rows(files: list[tuple[int, str]], count: int) -> Iterator[Row]:
    """Yield that many downloads over 400 days, so that the last ones fit no month's partition."""
    chance = random.Random("download")
    start = datetime.datetime(2023, 7, 1, tzinfo=datetime.UTC)
    step = datetime.timedelta(days=400) / count
    for number in range(1, count + 1):
        place = int(chance.random() ** 3 * len(files))
        size, path = files[place]
        bits = chance.getrandbits(64)
        client: str | None = f"198.{18 + (bits & 1)}.{bits >> 8 & 255}.{bits >> 16 & 255}"
        if bits % 50 == 0:
            client = None
        elif bits % 5 == 0:
            client = f"2001:db8::{bits >> 24 & 65535:x}:{bits >> 40 & 65535:x}"
        speed = 1 + (bits >> 32)
        request = f'{{"path":"{path}",  "agent": "apt/{bits % 3}.{bits % 7}", "agent": null}}'
        seconds = "Infinity" if bits % 10007 == 0 else round(size / speed, 6)
        yield number, start + number * step, place + 1, client, size, seconds, request


def build_rows(world: Catalogue, count: int) -> Iterator[Row]:
    """Yield that many builds, going over the packages as often as it takes."""
    chance = random.Random("build")
    for number, (place, entry) in enumerate(itertools.islice(_again(world), count), 1):
        begin = START + datetime.timedelta(seconds=chance.getrandbits(25))
        end = begin + datetime.timedelta(milliseconds=chance.getrandbits(22) + 1)
        report = json.dumps(
            {"build": number, "package": entry.name, "tags": entry.tags, "ok": bool(number % 11)},
            indent=number % 4,
        )
        yield (
            number,
            place,
            f"[{begin.isoformat()},{end.isoformat()})",
            build_log(entry, chance),
            report,
            chance.randbytes(chance.getrandbits(12)),
        )


def build_log(entry: Package, chance: random.Random) -> str:
    """Return what a build of the package may have printed, one to ten kilobytes."""
    lines = [f"building {entry.source} {entry.version} on {entry.architecture}"]
    for dependency in entry.dependencies:
        for other in dependency.alternatives:
            stamp = chance.getrandbits(40)
            wanted = f"{other.relation} {other.version}" if other.relation else "any"
            lines.append(f"[{stamp:013d}] {dependency.kind}: {other.name} ({wanted}) is there")
    for step in range(8 + chance.getrandbits(5)):
        lines.append(f"cc -O2 -c {entry.name}_{step}.c\t# {chance.getrandbits(128):032x}")
    return "\n".join([*lines, entry.description, ""])


def _again(world: Catalogue) -> Iterator[tuple[int, Package]]:
    while True:
        yield from enumerate(world, 1)


def small_tables(world: Catalogue, names: list[str]) -> Iterator[Table]:
    """Yield the tables of a few thousand rows or less, with their columns and rows."""
    numbered = list(enumerate(names, 1))
    months = [START + datetime.timedelta(days=30 * month) for month in range(13)]
    yield (
        "remark",
        "id, package_id, body",
        ((n, n, entry.description) for n, entry in enumerate(world, 1) if n % 13 == 0),
    )
    yield (
        "bug_remark",
        "id, package_id, body, severity",
        ((n, n, f"{name}: breaks", n % 8) for n, name in numbered if n % 17 == 0),
    )
    scores = ("1.0", "1.00", None, "NaN")
    yield (
        "security_remark",
        "id, package_id, body, scores",
        ((n, n, f"{name}: fixed", (*scores, n / 8)) for n, name in numbered if n % 29 == 0),
    )
    yield "stock", "package_id, quantity", ((n, n * 7919 % 1000) for n, _ in numbered[:5000])
    yield "queue", "id, payload", ((n * 7, {"todo": n, "tags": [n % 3]}) for n in range(2000))
    yield (
        "session",
        "token, data",
        ((uuid.uuid5(uuid.NAMESPACE_OID, str(n)), {"n": n}) for n in range(1000)),
    )
    # Each row many times over, and rows that differ only in NULL and the empty string.
    yield (
        "duplicate",
        "word, number",
        ((("a", "", None, "A")[n % 4], (13, None, n % 5)[n % 3]) for n in range(3000)),
    )
    yield (
        "embargo",
        "package_name, secret, reader",
        ((f"package {n}", f"secret {n}", ("debian_reader", "nobody")[n % 2]) for n in range(50)),
    )
    yield (
        "maintenance",
        "network, during",
        (
            (f"198.18.{n}.0/24", f"[{begin.isoformat()},{end.isoformat()})")
            for n in range(20)
            for begin, end in itertools.pairwise(months)
        ),
    )


def tables(world: Catalogue, scale: float) -> Iterator[Table]:
    """Yield every table with its columns and rows; the scale concerns the two largest."""
    known = survey(world)
    yield "section", "name, packages", known.sections.items()
    yield "maintainer", "id, name, email, mentor_id", maintainer_rows(known.maintainers)
    yield (
        "package",
        "id, name, version, architecture, source, section, priority, maintainer_id, essential,"
        " installed_size, archive_size, description, homepage, tags, control, sha256, identity,"
        " first_seen, popularity",
        package_rows(world, known.maintainers),
    )
    yield (
        "dependency",
        "package_id, kind, position, choice, target, qualifier, bound",
        dependency_rows(world),
    )
    yield (
        "download",
        "id, at, package_id, client, bytes, seconds, request",
        download_rows(known.files, max(1, round(DOWNLOADS * scale))),
    )
    yield (
        "build",
        "id, package_id, during, log, report, artefact",
        build_rows(world, max(1, round(BUILDS * scale))),
    )
    yield from small_tables(world, known.names)
