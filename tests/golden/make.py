#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a golden repository: a small PostgreSQL and a small Redis, archived by this version.

    python tests/golden/make.py tests/golden/format-<version>

Needs Docker, the images of the test bed, and borg on the PATH. A repository that is here stays as
it is: it shows that archives of its format can still be drilled. Make another one, beside it, when
`_manifest.FORMAT_VERSION` goes up, with the last version before that.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PLUGINS = "ansible_collections.janus.backup.plugins"
PASSPHRASE = "golden-repository-secret"
PASSWORDS = {"postgresql": "golden-postgresql-secret", "redis": "golden-redis-secret"}
RUN = {
    "postgresql": [
        "--env=POSTGRES_USER=janus",
        "--volume=golden-postgresql:/var/lib/postgresql/data",
    ],
    "redis": ["--volume=golden-redis:/data"],
}
COMMANDS = {
    "postgresql": ["postgres", "-c", "fsync=off"],
    "redis": ["redis-server", "--appendonly", "yes", "--requirepass", PASSWORDS["redis"]],
}
SEEDS = {
    "postgresql": ["psql", "--username=janus", "--dbname=postgres", "-v", "ON_ERROR_STOP=1", "-c"],
    "redis": ["redis-cli", "--no-auth-warning", "-a", PASSWORDS["redis"], "-e", "EVAL"],
}
DATA = {
    "postgresql": [
        "CREATE TABLE package (id serial PRIMARY KEY, name text, price numeric);"
        "INSERT INTO package (name, price)"
        " SELECT 'package ' || n, n * 1.10 FROM generate_series(1, 100) n;"
        "CREATE ROLE reader LOGIN PASSWORD 'golden-reader-secret';"
        "GRANT SELECT ON package TO reader"
    ],
    "redis": [
        "for n = 1, 100 do redis.call('HSET', 'package:' .. n, 'name', 'package ' .. n) end"
        " redis.call('ZADD', 'popularity', 3, 'package 1', 2, 'package 2')",
        "0",
    ],
}
MODULE = f"""
import importlib, json, sys
from ansible.module_utils.testing import patch_module_args
with patch_module_args(json.load(sys.stdin)):
    importlib.import_module("{PLUGINS}.modules." + sys.argv[1]).main()
"""


def docker(*arguments: str) -> str:
    """Run a docker command and return what it said."""
    return subprocess.run(
        ["docker", *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def module(module_name: str, /, **arguments: Any) -> None:
    """Run a module of the collection. Raise SystemExit if it fails."""
    done = subprocess.run(
        [sys.executable, "-c", MODULE, module_name],
        input=json.dumps(arguments),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)


def start(service: str) -> None:
    """Start the service's container as an operator would, and seed it."""
    secret = ["--env", f"POSTGRES_PASSWORD={PASSWORDS['postgresql']}"]
    container = f"janus-{service}"
    options = [*RUN[service], *(secret if service == "postgresql" else [])]
    image = f"janus-test/{service}"
    docker("run", "--detach", "--name", container, *options, image, *COMMANDS[service])
    for _attempt in range(60):
        seeded = subprocess.run(
            ["docker", "exec", container, *SEEDS[service], *DATA[service]], check=False
        )
        if seeded.returncode == 0:
            return
        time.sleep(1)
    sys.exit(f"{service} was not seeded")


def main() -> None:
    """Make the repository named on the command line."""
    repository = Path(sys.argv[1]).absolute()
    try:
        with tempfile.TemporaryDirectory() as folder:
            make(repository, Path(folder))
    finally:
        for service in PASSWORDS:
            docker("rm", "--force", "--volumes", f"janus-{service}")
            docker("volume", "rm", "--force", f"golden-{service}")


def make(repository: Path, state: Path) -> None:
    """Given where the repository shall be and a directory, dump there and archive it."""
    staging = state / "staging" / "nightly"
    staging.mkdir(parents=True)
    for service, password in PASSWORDS.items():
        start(service)
        secret = state / service
        secret.touch(mode=0o600)
        secret.write_text(password, encoding="utf-8")
        module(
            f"{service}_dump",
            name=service,
            container=f"janus-{service}",
            user="janus" if service == "postgresql" else None,
            password_file=str(secret),
            job="golden",
            state_directory=str(state),
            staging=str(staging),
        )
    module(
        "manifest",
        staging=str(staging),
        job="nightly",
        node="golden",
        started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        services=list(PASSWORDS),
        collection_version="0.1.0",
    )
    environment = {
        **os.environ,
        "BORG_BASE_DIR": str(state / "borg"),
        "BORG_PASSPHRASE": PASSPHRASE,
        "TZ": "UTC",
    }
    archive = f"{repository}::golden-nightly-{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime())}"
    for command in (
        ["init", "--encryption=repokey", str(repository)],
        ["create", "--compression=zstd,3", archive, "staging"],
    ):
        subprocess.run(["borg", *command], check=True, env=environment, cwd=state)


if __name__ == "__main__":
    main()
