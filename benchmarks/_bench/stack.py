# SPDX-License-Identifier: GPL-3.0-or-later
"""The test bed's services in plain containers of this machine, seeded, with the product's modules
at work on them as a playbook runs them.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import yaml

from . import PROJECT, bulk

STACK = PROJECT / "molecule" / "shared" / "stack"
DECLARATION = PROJECT / "inventories" / "demo" / "group_vars" / "all.yml"


@functools.cache
def _service_tests() -> Any:
    """Return the service tests' fixtures: their workbench is the one to measure with."""
    path = PROJECT / "tests" / "services" / "conftest.py"
    found = importlib.util.spec_from_file_location("service_tests", path)
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module
    found.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Size:
    """How much data: arguments of the seeders, and nodes, keys, points and objects besides."""

    packages: int
    scale: float
    bulk: dict[str, int] = field(default_factory=dict)


SIZES = {
    # to try the benchmarks themselves
    "XS": Size(400, 0.05, {"neo4j": 500, "redis": 1000, "qdrant": 100, "minio": 10}),
    "S": Size(4000, 0.5, {"neo4j": 20_000, "redis": 20_000, "qdrant": 2000, "minio": 500}),
    "M": Size(20_000, 13, {"neo4j": 500_000, "redis": 200_000, "qdrant": 10_000, "minio": 4000}),
    # Four to five times M.
    "L": Size(
        20_000,
        13,
        {
            "postgresql": 4,
            "neo4j": 2_000_000,
            "redis": 1_000_000,
            "qdrant": 40_000,
            "minio": 20_000,
        },
    ),
}


@dataclass(frozen=True)
class Service:
    """A service that runs: its container, its data's volume, and how the modules get in."""

    type: str
    container: str
    volume: str
    password: str
    access: dict[str, Any]
    bench: Any
    ready: list[str]

    @property
    def address(self) -> str:
        """Its address on Docker's default network."""
        return docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", self.container)

    def run(self, *command: str, environment: dict[str, str] | None = None) -> str:
        """Run a command in the container and return what it printed."""
        variables = [f"--env={name}={value}" for name, value in (environment or {}).items()]
        return docker("exec", *variables, self.container, *command)

    def wait(self) -> None:
        """Wait until it answers."""
        what = f"{self.container} is ready"
        _service_tests().wait_until(what, lambda: _answers(self.container, self.ready), 300)

    def dump(self) -> dict[str, Any]:
        """Dump it with the product's module, as a run does. Raise RuntimeError if that fails."""
        result: dict[str, Any] = self.bench.take(**self.access)
        if result.get("failed"):
            raise RuntimeError(f"{self.type}: {result['msg']}")
        return result

    @property
    def sources(self) -> list[Path]:
        """What Borg is given of its last dump: staging, and what is archived from where it is."""
        roots = [Path(tree["root"]) for tree in self.bench.record().get("in_place", [])]
        return [self.bench.staging, *roots]


def docker(*arguments: str) -> str:
    """Run a docker command and return what it printed. Raise RuntimeError if it fails."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"docker {' '.join(arguments[:4])}: {done.stderr.strip()}")
    return done.stdout.strip()


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """Yield a root-only directory in build/, on the disk that is measured, and remove it."""
    build = PROJECT / "build" / "benchmarks"
    build.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix="run-", dir=build))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def running(types: list[str], size: str) -> Iterator[dict[str, Service]]:
    """Yield the services of these types, seeded to a size, and remove them at the end."""
    services: dict[str, Service] = {}
    with folder() as place:
        try:
            for service_type in types:
                began = time.monotonic()
                services[service_type] = _start(service_type, place / service_type)
                services[service_type].wait()
                seed(services[service_type], SIZES[size])
                print(f"    {service_type}: seeded in {time.monotonic() - began:.0f} s", flush=True)
            yield services
        finally:
            for service in services.values():
                with contextlib.suppress(subprocess.CalledProcessError):
                    service.bench.cleanup()
                docker("rm", "--force", "--volumes", service.container)
                docker("volume", "rm", "--force", service.volume)


def _rendered(value: Any, variables: dict[str, Any]) -> Any:
    """Given plain data with Jinja's expressions in it, as the stack's files have it, fill it in."""
    match value:
        case str():
            return jinja2.Template(value, undefined=jinja2.StrictUndefined).render(variables)
        case list():
            return [_rendered(entry, variables) for entry in value]
        case dict():
            return {key: _rendered(entry, variables) for key, entry in value.items()}
    return value


def _read(service_type: str, **variables: Any) -> dict[str, Any]:
    declared = yaml.safe_load(DECLARATION.read_text(encoding="utf-8"))
    passwords = declared["stack_passwords"]
    text = (STACK / f"{service_type}.yml").read_text(encoding="utf-8")
    known = {"stack_passwords": passwords, "ansible_host": "", "stack_scale": "", **variables}
    (service,) = [entry for entry in declared["stack_services"] if entry["type"] == service_type]
    found: dict[str, Any] = _rendered(yaml.safe_load(text), known)
    return found | {"service": service, "password": passwords.get(service_type, "")}


def _start(service_type: str, place: Path) -> Service:
    """Run a service as the stack runs it, but with names of its own and no published ports."""
    place.mkdir(mode=0o700)
    name = f"janus-bench-{os.getpid()}-{service_type}"
    stack = _read(service_type)
    options = []
    for option in stack["stack_options"]:
        option = option.replace(f"=janus-{service_type}:", f"={name}:")
        if not option.startswith("--publish"):
            options.append(option.replace("=/etc/janus/", f"={place}/"))
    for file, content in stack["stack_configuration"].items():
        (place / file).write_text(content, encoding="utf-8")
    place.chmod(0o755)  # the container's user reads its configuration
    image = f"janus-test/{service_type}"
    docker(
        *("run", "--detach", "--name", name, "--hostname", name, *options),
        *(image, *stack["stack_command"]),
    )
    work = place / "bench"
    work.mkdir(mode=0o700)
    bench = _service_tests().Workbench(work, service_type)
    access: dict[str, Any] = {"container": name}
    if stack["password"]:
        access["password_file"] = bench.secret(stack["password"])
    if "user" in stack["service"]:
        access["user"] = stack["service"]["user"]
    if "options" in stack["service"]:
        access["options"] = stack["service"]["options"]
    return Service(service_type, name, name, stack["password"], access, bench, stack["stack_ready"])


def _answers(container: str, command: list[str]) -> bool:
    asked = ["docker", "exec", container, *command]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def seed(service: Service, size: Size) -> None:
    """Fill a service with the test bed's data, and more of the same up to the size."""
    stack = _read(service.type, ansible_host=service.address, stack_scale=str(size.scale))
    seeder = PROJECT / "molecule" / "seed" / f"{service.type}.py"
    packages = size.packages
    if service.type in ("rabbitmq", "qdrant"):  # definitions are no bulk; the stand-in is slow
        packages = min(packages, 4000 if service.type == "qdrant" else 400)
    subprocess.run(
        [sys.executable, str(seeder), *stack["stack_seed"], f"--packages={packages}"],
        env={**os.environ, **stack["stack_seed_environment"]},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    if service.type in size.bulk:
        bulk.fill(service, size.bulk[service.type])
