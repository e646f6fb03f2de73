# SPDX-License-Identifier: GPL-3.0-or-later
"""What a repository takes on from day to day, in space and time, beside the peers'.

Day 1 is a first backup. On each of the next days one in a hundred rows, nodes, keys, points and
objects has changed, spread over all; on as many days after that, the last ones have.
"""

from __future__ import annotations

import functools
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _offsite_copy

from . import bulk, repositories, tools
from .figures import Figure, timed
from .stack import Service, running

TYPES = ["postgresql", "redis", "neo4j", "qdrant", "minio"]
# What the default, 64 KiB, is compared with.
CHUNKERS = {
    "chunks of 16 KiB": "buzhash,10,23,14,4095",
    "chunks of 2 MiB": "buzhash,19,23,21,4095",
}
RANDOM_GOAL, LOCAL_GOAL = 0.35, 0.05
ALONE = ", PostgreSQL alone"
NOTES = {
    "spread": "",
    "recent": "Redis writes its RDB in the order of a hash table, and Neo4j fills the gaps of"
    " earlier days: what is recent in their data is spread over their files",
}


class Days:
    """The same days in every repository: seconds and growth of each, by day."""

    def __init__(
        self, services: dict[str, Service], folder: Path, programs: dict[str, str]
    ) -> None:
        self.services, self.folder, self.programs = services, folder, programs
        self.places: dict[str, Any] = {}
        self.seconds: dict[str, dict[int, float]] = {}
        self.growth: dict[str, dict[int, float]] = {}
        self.moved: list[float] = []
        self._add("janus.backup", repositories.Borg(programs["borg"], self._own("janus")))
        self._add("restic", repositories.Restic(programs.get("restic", ""), self._own("restic")))
        self._add("kopia", repositories.Kopia(programs.get("kopia", ""), self._own("kopia")))
        if "gpg" in programs:
            all_services = list(services.values())
            own = self._own("tarballs")
            self._add("tar.gz + GPG", repositories.Tarballs(programs["gpg"], own, all_services))
        postgresql = services["postgresql"]
        own = self._own("postgresql")
        self._add("janus.backup, PostgreSQL", repositories.Borg(programs["borg"], own))
        hook = repositories.BorgmaticHook(
            programs["borgmatic"], programs["borg"], self._own("hook"), postgresql
        )
        self._add("borgmatic's own hook, PostgreSQL", hook)
        scripts = repositories.Scripts(self._own("scripts"), postgresql)
        self._add("pg_dump scripts, PostgreSQL", scripts)
        for words, chunker in CHUNKERS.items():
            own = self._own(words.replace(" ", "-"))
            self._add(words, repositories.Borg(programs["borg"], own, chunker))

    def _own(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(mode=0o700)
        return path

    def _add(self, name: str, place: Any) -> None:
        if getattr(place, "program", "installed"):
            place.create()
            self.places[name] = place
            self.seconds[name], self.growth[name] = {}, {}

    def next(self, day: int, local: bool, thrifty: bool) -> None:
        """Let a day go by: change, dump, give it to each repository, another first each day.
        On a thrifty day those are left out that store all anew each day, and take long for it.
        """
        if day > 1:
            for service in self.services.values():
                bulk.change(service, day, local)
        dumping = {name: timed(service.dump) for name, service in self.services.items()}
        names = list(self.places)
        for name in names[day % len(names) :] + names[: day % len(names)]:
            if thrifty and isinstance(self.places[name], repositories.Tarballs):
                continue
            before = self.places[name].size() if day > 1 else 0
            only = ("postgresql",) if name.endswith("PostgreSQL") else tuple(self.services)
            sources = [path for service in only for path in self.services[service].sources]
            place = self.places[name]
            seconds = timed(functools.partial(place.back_up, day, sources))
            if name == "janus.backup":
                seconds += sum(dumping.values())
            elif name == "janus.backup, PostgreSQL":
                seconds += dumping["postgresql"]
            self.seconds[name][day] = round(seconds, 3)
            self.growth[name][day] = self.places[name].size() - before
            megabytes = self.growth[name][day] / 1e6
            print(f"    day {day}: {name} {megabytes:.1f} MB in {seconds:.1f} s", flush=True)
        self.moved.append(self.sync())

    def sync(self) -> float:
        """Copy the repository off-site, as the role does, and return the bytes moved."""
        borg, mirror = self.places["janus.backup"], self.folder / "mirror"
        command = [
            *("with-lock", str(borg.repository), self.programs["rclone"], "sync"),
            *(
                str(borg.repository),
                str(mirror),
                *_offsite_copy.FILTER,
                "--config=/dev/null",
            ),
            *("--use-json-log", "--stats-log-level=NOTICE", "--stats=1h"),
            f"--log-file={self.folder / 'rclone.log'}",
        ]
        log = self.folder / "rclone.log"
        log.unlink(missing_ok=True)
        borg.call(*command)
        told = [json.loads(line) for line in log.read_text().splitlines()]
        return float(max(entry["stats"]["bytes"] for entry in told if "stats" in entry))


def measure(
    size: str, rounds: int, programs: dict[str, str]
) -> tuple[list[Figure], dict[str, Any]]:
    """Return the figures of repositories."""
    wanted = os.environ.get("JANUS_SERVICES") or ",".join(TYPES)
    types = [name for name in TYPES if name in ("postgresql", *wanted.split(","))]
    with running(types, size) as services:
        folder = services["postgresql"].bench.folder.parent.parent / "repositories"
        folder.mkdir(mode=0o700)
        days = Days(services, folder, programs)
        for day in range(1, 2 + 2 * rounds):
            days.next(day, day > 1 + rounds, thrifty=day not in (1, 2, 2 + rounds))
        sources = [path for service in services.values() for path in service.sources]
        staged = sum(map(tools.size_of, sources))
        before = days.places["janus.backup"].size()
        names = {path.name: path.stat().st_size for path in segments(days)}
        days.places["janus.backup"].prune(2)
        written = sum(path.stat().st_size for path in segments(days) if path.name not in names) or 1
        compacted = days.sync()
        freed = before - days.places["janus.backup"].size()
    details = {
        "staged_mb": round(staged / 1e6),
        "days": {
            name: {day: round(value / 1e6, 2) for day, value in grown.items()}
            for name, grown in days.growth.items()
        },
        "seconds": days.seconds,
        "moved_mb": [round(value / 1e6, 2) for value in days.moved],
        "compact": {"freed_mb": freed / 1e6, "rewritten_mb": written / 1e6},
    }
    return figures(days, rounds, staged, written, compacted), details


def segments(days: Days) -> list[Path]:
    """Return the files of our repository that hold its data."""
    data: Path = days.places["janus.backup"].repository / "data"
    return [path for path in data.rglob("*") if path.is_file()]


def figures(
    days: Days, rounds: int, staged: float, written: float, compacted: float
) -> list[Figure]:
    """Return the figures that the days give."""
    spread, local = range(2, 2 + rounds), range(2 + rounds, 2 + 2 * rounds)
    later = [*spread, *local]
    ours, postgresql = "janus.backup", "janus.backup, PostgreSQL"

    def megabytes(name: str, part: Sequence[int]) -> list[float]:
        grown = days.growth[name]
        return [round(grown[day] / 1e6, 3) for day in part if day in grown]

    def seconds(name: str, part: Sequence[int]) -> list[float]:
        return [days.seconds[name][day] for day in part]

    result = []
    for part, words, goal in ((spread, "spread", RANDOM_GOAL), (local, "recent", LOCAL_GOAL)):
        what = f"day-2 growth, 1 % changed ({words})"
        for name, suffix, note in ((ours, "", NOTES[words]), (postgresql, ALONE, "")):
            figure = Figure(
                f"growth-{words}{'-postgresql' if suffix else ''}",
                what + suffix,
                "MB",
                megabytes(name, part),
                "day 1",
                megabytes(name, [1]),
                goal=goal,
                note=note,
            )
            result.append(figure)
        for name in days.places:
            if name in (ours, postgresql):
                continue
            mine = postgresql if name.endswith("PostgreSQL") else ours
            suffix = ALONE if mine == postgresql else ""
            peer = name.removesuffix(", PostgreSQL")
            against = f"{peer} on the same staging" if peer in ("restic", "kopia") else peer
            result.append(
                Figure(
                    f"growth-{words}-{peer}",
                    what + suffix,
                    "MB",
                    megabytes(mine, part),
                    against,
                    megabytes(name, part),
                    goal=None if peer.startswith("chunks") else 1,
                )
            )
    result.append(
        Figure(
            "day-2-time",
            "day-2 time, dumps one after the other and archive",
            "s",
            seconds(ours, spread),
            "day 1",
            seconds(ours, [1]),
            goal=0.5,
            note="all data are dumped and read for their checksums again every day; Borg's share,"
            " the only one that falls, is small",
        )
    )
    for name in ("borgmatic's own hook, PostgreSQL", "pg_dump scripts, PostgreSQL"):
        result.append(
            Figure(
                f"time-{name.partition(',')[0]}",
                "day-2 time, PostgreSQL alone, with data checksums",
                "s",
                seconds(postgresql, later),
                name.removesuffix(", PostgreSQL"),
                seconds(name, later),
            )
        )
    growth = [math.fsum(days.growth[ours][day] for day in later)]
    moved = [math.fsum(days.moved[1:])]
    result += [
        Figure(
            "off-site-moved",
            "bytes copied off-site on the days after the first",
            "MB",
            [round(value / 1e6, 2) for value in moved],
            "growth of the repository",
            [round(value / 1e6, 2) for value in growth],
            goal=1.1,
        ),
        Figure(
            "off-site-compact",
            "bytes copied off-site after prune and compact",
            "MB",
            [round(compacted / 1e6, 2)],
            "bytes rewritten in the repository",
            [round(written / 1e6, 2)],
            goal=1.5,
        ),
    ]
    return result
