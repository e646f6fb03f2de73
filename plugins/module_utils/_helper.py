# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a service's own tools run: beside the service, never through this process.

With `runtime: docker` a helper container of the service's own image shares its network and has
the wanted directories mounted under the paths that they have on the host, so that a path means the
same on both sides. With `runtime: host` the tools run on the host.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _container
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

_TAIL = 2000


class Helper:
    """Runs one tool after another for a service; made by `beside` or `inside`, not by hand.

    seconds is how long the service's own tools took in all.
    """

    def __init__(self, container: str | None) -> None:
        self._container = container
        self.seconds = 0.0

    def run(
        self,
        command: list[str],
        environment: dict[str, str] | None = None,
        output: Path | None = None,
    ) -> str:
        """Given a command, run it to its end, with its output in a file when one is named.

        Return what it said (the last 2000 characters). The environment is visible to other
        processes of the same user: name secret files in it, never secrets. Raise BackupError with
        the tool's own last words if it exits non-zero.
        """
        quoted = shlex.join(command)
        target = f" >{shlex.quote(str(output))}" if output else ""
        shell = ["sh", "-c", f"umask 077; exec {quoted}{target}"]
        with self.timed():
            code, said = self._execute(shell, environment or {})
        if code != 0:
            words = " ".join(said.split()) or "it said nothing"
            raise BackupError(f"{command[0]} failed with exit code {code}: {words}")
        return said

    @contextlib.contextmanager
    def timed(self) -> Iterator[None]:
        """Count all that is done meanwhile as a tool's work: what is restored over an API, or
        comes back by a restart, has no command to be timed.
        """
        before, started = self.seconds, time.monotonic()
        try:
            yield
        finally:  # what ran inside is in it
            self.seconds = before + time.monotonic() - started

    def _execute(self, command: list[str], environment: dict[str, str]) -> tuple[int, str]:
        if self._container is None:
            done = subprocess.run(
                command,
                env={**os.environ, **environment},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                check=False,
            )
            return done.returncode, done.stdout[-_TAIL:].decode(errors="replace")
        import docker

        api = _container.client().api
        said = b""
        try:
            execution = api.exec_create(self._container, command, environment=environment, user="0")
            for chunk in api.exec_start(execution["Id"], stream=True):
                said = (said + chunk)[-_TAIL:]
            code = api.exec_inspect(execution["Id"])["ExitCode"]
        except docker.errors.DockerException as error:
            raise BackupError(f"cannot run {command[-1]} in {self._container}: {error}") from error
        return (-1 if code is None else code), said.decode(errors="replace")


@contextlib.contextmanager
def beside(
    service: dict[str, Any],
    writable: list[Path],
    readable: list[Path],
    volumes: str = "",
    network: bool = True,
) -> Iterator[Helper]:
    """Given a service and directories that its tools write and read, yield a Helper.

    volumes, "ro" or "rw", mounts the service's own volumes too; network shares the service's
    network, else there is none and the service need not run. The helper container carries the label
    of the service's job, by which `_cleanup` finds it after a crash, and is removed at the end.
    Raise BackupError if it cannot be started.
    """
    if service["runtime"] == "host":
        yield Helper(None)
        return
    import docker

    attributes = _container.inspect(service["container"], running=network)
    engine = _container.client()
    mounts = {str(path): {"bind": str(path), "mode": "rw"} for path in writable}
    mounts |= {str(path): {"bind": str(path), "mode": "ro"} for path in readable}
    name = f"janus-helper-{service['name']}-{uuid.uuid4().hex[:8]}"
    try:
        engine.containers.run(
            attributes["Image"],
            ["infinity"],
            entrypoint="sleep",
            name=name,
            detach=True,
            init=True,
            user="0",
            labels={_container.LABEL: service["job"]},
            network_mode=f"container:{attributes['Id']}" if network else "none",
            volumes=mounts,
            volumes_from=[f"{attributes['Id']}:{volumes}"] if volumes else [],
            healthcheck={"test": ["NONE"]},
            log_config={"type": "none"},
        )
        yield Helper(name)
    except docker.errors.DockerException as error:
        raise BackupError(f"the helper container of {service['name']} failed: {error}") from error
    finally:
        with contextlib.suppress(docker.errors.NotFound):
            engine.api.remove_container(name, force=True, v=True)


def inside(service: dict[str, Any]) -> Helper:
    """Given a service, return a Helper for the service's own container instead of one beside it:
    for what can only be changed in there, or is done before a container is made.
    """
    return Helper(None if service["runtime"] == "host" else service["container"])
