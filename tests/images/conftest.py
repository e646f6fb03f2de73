# SPDX-License-Identifier: GPL-3.0-or-later
"""Start containers of the test bed's images, and remove them with their data afterwards."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PREFIX = f"janus-image-test-{os.getpid()}"
NUMBER = itertools.count(1)


def docker(*arguments: str, stdin: str | None = None) -> str:
    """Run a docker command and return what it printed, stripped."""
    done = subprocess.run(
        ["docker", *arguments], input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def wait_until(what: str, ready: Callable[[], object], seconds: float = 60) -> None:
    """Return once ready() is true; fail after the given time."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            pytest.fail(f"not so after {seconds} s: {what}")
        time.sleep(0.25)


@dataclass(frozen=True)
class Container:
    """A container that runs."""

    name: str

    def run(self, *argv: str, stdin: str | None = None, user: str = "") -> str:
        """Run a command in the container and return what it printed, stripped."""
        return docker("exec", "-i", "-u", user, self.name, *argv, stdin=stdin)

    def fails(self, *argv: str) -> str:
        """Run a command in the container that has to fail, and return what it printed."""
        done = subprocess.run(
            ["docker", "exec", self.name, *argv], capture_output=True, text=True, check=False
        )
        assert done.returncode != 0, f"{argv} succeeded: {done.stdout}"
        return done.stdout + done.stderr

    def logs(self) -> str:
        """Return all that the container has printed."""
        done = subprocess.run(
            ["docker", "logs", self.name], capture_output=True, text=True, check=True
        )
        return done.stdout + done.stderr

    def inspect(self, template: str) -> str:
        """Return what a template makes of the container's state."""
        return docker("container", "inspect", "--format", template, self.name)

    @property
    def address(self) -> str:
        """The container's address on Docker's default network."""
        return self.inspect("{{.NetworkSettings.IPAddress}}")

    def wait_healthy(self, seconds: float = 90) -> Container:
        """Return the container once its health check succeeds; show its log if that never is."""

        def healthy() -> bool:
            state = self.inspect("{{.State.Status}} {{.State.Health.Status}}")
            assert state.startswith("running"), f"{self.name} is {state}:\n{self.logs()}"
            return state == "running healthy"

        wait_until(f"{self.name} is healthy", healthy, seconds)
        return self

    def wait_exit(self, seconds: float = 30) -> int:
        """Return the exit status of a container that ends by itself."""
        wait_until(
            f"{self.name} has ended",
            lambda: self.inspect("{{.State.Status}}") == "exited",
            seconds,
        )
        return int(self.inspect("{{.State.ExitCode}}"))

    def remove(self) -> None:
        """Stop the container as an operator would, and remove it with its unnamed volumes."""
        docker("stop", "--time", "60", self.name)
        docker("rm", "--volumes", self.name)


StartContainer = Callable[..., Container]


@pytest.fixture(scope="session")
def built() -> Callable[[str], str]:
    """Return a function that builds an image where it is out of date and returns its reference."""
    done: set[str] = set()

    def build(name: str) -> str:
        if name not in done:
            testbed = [sys.executable, str(PROJECT / "molecule" / "testbed.py"), "images", name]
            subprocess.run(testbed, check=True)
            done.add(name)
        return f"janus-test/{name}:latest"

    return build


@pytest.fixture(scope="module")
def start_container(built: Callable[[str], str]) -> Iterator[StartContainer]:
    """Return a function that starts a container, or only makes it: all are removed at the end of
    the module.
    """
    started: list[str] = []

    def start(
        image: str,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        volumes: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
        run: bool = True,
    ) -> Container:
        name = f"{PREFIX}-{image}-{next(NUMBER)}"
        started.append(name)
        docker(
            *(("run", "--detach") if run else ("create",)),
            f"--name={name}",
            *(f"--env={key}={value}" for key, value in (environment or {}).items()),
            *(f"--volume={source}:{target}" for source, target in (volumes or {}).items()),
            *(*options, built(image), *arguments),
        )
        return Container(name)

    yield start
    for name in started:
        subprocess.run(["docker", "rm", "-f", "-v", name], capture_output=True, check=False)


@pytest.fixture
def volume() -> Iterator[str]:
    """Return the name of a new volume, removed at the end of the test."""
    name = f"{PREFIX}-volume-{next(NUMBER)}"
    docker("volume", "create", name)
    yield name
    # A test that fails leaves its container for the end of the module, and that holds the volume.
    holders = docker("ps", "-aq", "--filter", f"volume={name}").split()
    if holders:
        docker("rm", "-f", "-v", *holders)
    docker("volume", "rm", name)
