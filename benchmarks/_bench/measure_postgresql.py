# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL: what data checksums from the same snapshot cost on top of the dump."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

from .figures import Figure, interleaved
from .stack import Service, docker, running

# What an operator would write: globals, then each database, from a container beside the server.
SCRIPT = """\
pg_dumpall -h 127.0.0.1 -U janus -l template1 --globals-only -f /out/globals.sql
psql -h 127.0.0.1 -U janus -d template1 -Atc \
  'SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate' >/out/names
number=0
while IFS= read -r name; do
  number=$((number + 1))
  quoted=$(printf %s "$name" | sed "s/[\\\\\\\\']/\\\\\\\\&/g")
  pg_dump -h 127.0.0.1 -U janus -Fd -Z0 -j2 --no-sync -f /out/$number "dbname='$quoted'"
done </out/names
"""


def dump_alone(service: Service, target: Path) -> float:
    """Dump all databases by hand, as the product does but without any checksum, and return the
    seconds. What the last one left is removed before.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(mode=0o700)
    began = time.monotonic()
    secret = service.access["password_file"]
    docker(
        *("run", "--rm", "--user=0", f"--network=container:{service.container}"),
        *(f"--volume={target}:/out", f"--volume={secret}:/secret:ro", "--entrypoint=sh"),
        *(
            "janus-test/postgresql",
            "-euc",
            f'PGPASSWORD="$(cat /secret)"; export PGPASSWORD\n{SCRIPT}',
        ),
    )
    return time.monotonic() - began


def dump_by_module(service: Service) -> float:
    """Run the product's module without the run around it, and return the seconds."""
    service.bench.cleanup("--prepare")
    staging = str(service.bench.staging)
    began = time.monotonic()
    result = service.bench.module("postgresql_dump", staging=staging, **service.access)
    if result.get("failed"):
        raise RuntimeError(result["msg"])
    return time.monotonic() - began


def measure(size: str, rounds: int, tools: dict[str, str]) -> tuple[list[Figure], dict[str, Any]]:
    """Return the figures of PostgreSQL."""
    with running(["postgresql"], size) as services:
        service = services["postgresql"]
        target = service.bench.folder / "by-hand"
        values = interleaved(
            {
                "janus.backup": lambda: dump_by_module(service),
                "pg_dump": lambda: dump_alone(service, target),
            },
            rounds,
        )
        dumped = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
        dump_by_module(service)
        record = service.bench.staging / "postgresql" / "record.json"
        objects = len(json.loads(record.read_text())["checksums"]) if record.exists() else 0
    figure = Figure(
        "postgresql-checksums",
        "dump with data checksums",
        "s",
        values["janus.backup"],
        "the dump alone (pg_dump, pg_dumpall)",
        values["pg_dump"],
        goal=1.4,
        note="the module as a playbook runs it, its start, helper container and SHA-256 included",
    )
    return [figure], {"dump_mb": round(dumped / 1e6), "objects": objects}
