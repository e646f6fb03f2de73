# SPDX-License-Identifier: GPL-3.0-or-later
"""A workbench that dumps a real container, restores into another and compares, with the modules as
a playbook runs them: each in a process of its own, which a test can kill.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
# The containers are those of the image tests; a conftest.py cannot be imported by its name.
_found = importlib.util.spec_from_file_location(
    "image_containers", PROJECT / "tests" / "images" / "conftest.py"
)
image_containers = importlib.util.module_from_spec(_found)
sys.modules[_found.name] = image_containers
_found.loader.exec_module(image_containers)
docker, wait_until = image_containers.docker, image_containers.wait_until
built, start_container = image_containers.built, image_containers.start_container
volume = image_containers.volume

COLLECTION = "ansible_collections.janus.backup.plugins"
NUMBER = itertools.count(1)
MODULE = f"""
import importlib, json, sys
from ansible.module_utils.testing import patch_module_args
with patch_module_args(json.load(sys.stdin)):
    importlib.import_module("{COLLECTION}.modules." + sys.argv[1]).main()
"""


class Workbench:
    """One job with one service: its staging, state and secrets in a folder of the test."""

    def __init__(self, folder: Path, service_type: str) -> None:
        self.type = service_type
        self.job = f"services-{os.getpid()}-{next(NUMBER)}"
        self.folder = folder
        self.staging = folder / "staging" / self.job
        self.scratch = Path("/run/janus-backup") / self.job
        self.job_file = folder / f"{self.job}.yml"
        job = {
            "name": self.job,
            "staging": str(self.staging),
            "state": str(folder / "state"),
            "services": [{"name": service_type, "runtime": "docker"}],
        }
        self.job_file.write_text(yaml.safe_dump({"janus_backup_job": job}))

    def secret(self, text: str) -> str:
        """Return a file with a secret in it that only its owner can read."""
        path = self.folder / f"secret-{next(NUMBER)}"
        path.touch(mode=0o600)
        path.write_text(text)
        return str(path)

    def begin(self, module: str, **arguments: Any) -> subprocess.Popen[str]:
        """Start a module in a process group of its own."""
        process = subprocess.Popen(
            [sys.executable, "-c", MODULE, module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        if module.startswith(f"{self.type}_"):
            state = str(self.folder / "state")
            arguments = {"name": self.type, "job": self.job, "state_directory": state, **arguments}
        assert process.stdin
        process.stdin.write(json.dumps(arguments))
        process.stdin.close()
        process.stdin = None
        return process

    def module(self, module: str, **arguments: Any) -> dict[str, Any]:
        """Run a module and return its result, in which `failed` tells whether it failed."""
        said, errors = self.begin(module, **arguments).communicate(timeout=900)
        assert said.strip(), errors
        result: dict[str, Any] = json.loads(said.splitlines()[-1])
        return result

    def cleanup(self, *options: str) -> None:
        """Run the program that undoes what a run of the job left behind."""
        command = [sys.executable, "-m", f"{COLLECTION}.module_utils._cleanup", str(self.job_file)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run([*command, *options], check=True, env=environment)

    def begin_dump(self, **access: Any) -> subprocess.Popen[str]:
        """Begin a run: clean up, make staging, start the dump."""
        self.cleanup("--prepare")
        return self.begin(f"{self.type}_dump", staging=str(self.staging), **access)

    def take(self, checks: list[dict[str, Any]] | None = None, **access: Any) -> dict[str, Any]:
        """Do a whole run, with its manifest if it succeeds. Return the dump's result."""
        self.cleanup("--prepare")
        result = self.module(f"{self.type}_dump", staging=str(self.staging), **access)
        if result.get("failed"):
            return result
        written = self.module(
            "manifest",
            staging=str(self.staging),
            job=self.job,
            node="here",
            started="2026-01-01T00:00:00Z",
            services=[self.type],
            declared=[{"name": self.type, "checks": checks or []}],
        )
        assert not written.get("failed"), written
        return result

    def dump(self, checks: list[dict[str, Any]] | None = None, **access: Any) -> dict[str, Any]:
        """Do a whole run, and copy what Borg takes from where it is. Return the dump's result."""
        result = self.take(checks, **access)
        if not result.get("failed"):
            for tree in self.record().get("in_place", []):
                target = self.staging / tree["path"]
                target.parent.mkdir(exist_ok=True)
                subprocess.run(["cp", "-a", tree["root"], target], check=True)
        return result

    def record(self) -> dict[str, Any]:
        """Return what the manifest says of the service."""
        manifest = json.loads((self.staging / "manifest.json").read_text())
        record: dict[str, Any] = manifest["services"][self.type]
        return record

    def restore(self, **access: Any) -> dict[str, Any]:
        """Restore the dump. Return the module's result."""
        return self.module(f"{self.type}_restore", source=str(self.staging), **access)

    def begin_restore(self, **access: Any) -> subprocess.Popen[str]:
        """Start restoring the dump."""
        return self.begin(f"{self.type}_restore", source=str(self.staging), **access)

    def differences(self, **access: Any) -> list[str]:
        """Return in which objects a service differs from the dump."""
        result = self.module(f"{self.type}_info", compare_with=str(self.staging), **access)
        assert not result.get("failed"), result
        sentences: list[str] = result["differences"]
        return sentences

    def ask(self, text: str, target: str | None = None, **access: Any) -> Any:
        """Ask a service a question. Return the answer, or the sentence of its refusal."""
        errors = importlib.import_module(f"{COLLECTION}.module_utils._errors")
        service = importlib.import_module(f"{COLLECTION}.module_utils._services.{self.type}")
        known = {"name": self.type, "runtime": "docker", "options": {}, "user": None}
        known |= {"job": self.job, "scratch": str(self.scratch / self.type), **access}
        try:
            return service.query(known, target, text)
        except errors.BackupError as error:
            return str(error)

    def helpers(self) -> list[str]:
        """Return the names of the job's helper containers."""
        label = f"label=janus.backup.job={self.job}"
        return docker("ps", "-a", "--filter", label, "--format", "{{.Names}}").split()

    def partial(self) -> list[Path]:
        """Return the files of a dump that is under way."""
        folder = self.staging / f".{self.type}.partial"
        return [path for path in folder.rglob("*") if path.is_file()]

    def kill(self, process: subprocess.Popen[str], when: Callable[[], object]) -> None:
        """Kill a module's process the way no handler sees, as soon as something is the case."""
        deadline = time.monotonic() + 180
        while not when():
            assert process.poll() is None, f"it ended too early: {process.communicate()}"
            assert time.monotonic() < deadline, "the moment to kill it never came"
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it had ended already"

    def leftovers(self) -> list[str]:
        """Return what is left of the job on this machine: nothing, after its cleanup."""
        noted = self.folder / "state" / "quiesced" / self.job
        found = [self.staging, self.scratch, *(noted.glob("*") if noted.is_dir() else [])]
        return self.helpers() + [str(path) for path in found if path.exists()]


@pytest.fixture
def workbench(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Workbench]:
    """Return a workbench for the service that the test file is named after."""
    tmp_path.chmod(0o700)
    bench = Workbench(tmp_path, Path(request.path).stem.removeprefix("test_"))
    yield bench
    bench.cleanup()
