# SPDX-License-Identifier: GPL-3.0-or-later
"""Neo4j: how long clients are without a server, against what an operator would do by hand."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._services import _neo4j_process

from .figures import Figure, interleaved
from .stack import Service, docker, running


def _down(service: Service, between: Any) -> float:
    """Stop the server, do something, start it; return the seconds until it shakes hands."""
    target = _neo4j_process.target({"runtime": "docker", "options": {}, **service.access})
    began = time.monotonic()
    docker("stop", "--time", "300", service.container)
    between()
    docker("start", service.container)
    while not _neo4j_process.answers(target):
        time.sleep(0.1)
    return time.monotonic() - began


def by_product(service: Service) -> float:
    """Return the downtime that the product's dump measured."""
    result = service.dump()
    return float(result["consistency"]["downtime_seconds"])


def by_copy(service: Service, target: Path) -> float:
    """Return the downtime of a copy by hand, straight from the volume."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    volume = docker("volume", "inspect", "--format", "{{.Mountpoint}}", service.volume)
    sources = [f"{volume}/databases", f"{volume}/transactions"]
    copy = ["cp", "--archive", *sources, str(target)]
    return _down(service, lambda: subprocess.run(copy, check=True))


def by_dump(service: Service, target: Path) -> float:
    """Return the downtime of Neo4j's own dump, of both databases."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    commands = " && ".join(
        f"neo4j-admin database dump {name} --to-path=/out" for name in ("neo4j", "system")
    )

    def dump() -> None:
        docker(
            *("run", "--rm", "--user=0", f"--volumes-from={service.container}"),
            *(f"--volume={target}:/out", "--entrypoint=sh", "janus-test/neo4j", "-c", commands),
        )

    return _down(service, dump)


def settled(service: Service, action: Any) -> float:
    """Wait until the server answers queries, then measure: each variant begins alike."""
    access = ("--username=neo4j", f"--password={service.password}")
    while True:
        try:
            service.run("cypher-shell", *access, "MATCH (n) RETURN count(n)")
            return float(action())
        except RuntimeError:
            time.sleep(0.5)


def measure(size: str, rounds: int, tools: dict[str, str]) -> tuple[list[Figure], dict[str, Any]]:
    """Return the figures of Neo4j."""
    with running(["neo4j"], size) as services:
        service = services["neo4j"]
        folder = service.bench.folder
        values = interleaved(
            {
                "janus.backup": lambda: settled(service, lambda: by_product(service)),
                "cp": lambda: settled(service, lambda: by_copy(service, folder / "copy")),
                "neo4j-admin dump": lambda: settled(
                    service, lambda: by_dump(service, folder / "dumped")
                ),
            },
            rounds,
        )
        stores = sum(path.stat().st_size for path in (folder / "copy").rglob("*") if path.is_file())
    name, what = "neo4j-downtime", "downtime of Neo4j"
    product = values["janus.backup"]
    figures = [
        Figure(
            f"{name}-dump",
            what,
            "s",
            product,
            "stop, neo4j-admin database dump, start",
            values["neo4j-admin dump"],
            goal=0.5,
        ),
        Figure(
            f"{name}-copy",
            what,
            "s",
            product,
            "stop, cp of the volume, start by hand",
            values["cp"],
            goal=1,
            allowance=1,
        ),
    ]
    return figures, {"stores_mb": round(stores / 1e6)}
