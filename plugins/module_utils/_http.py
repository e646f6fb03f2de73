# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP as far as a service's interface needs it: JSON asked and answered, files streamed in flat
memory and hashed on the way, every failure one clear sentence. No proxy, no redirection.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import shutil
import ssl
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils import _container
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

_CHUNK = 1024 * 1024


class RefusedError(BackupError):
    """The server answered, but with a status that is not a success."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status


class Server:
    """One service's HTTP interface; made by `server`, not by hand."""

    def __init__(
        self,
        place: str,
        address: tuple[str, int],
        headers: dict[str, str],
        context: ssl.SSLContext | None,
        timeout: float,
    ) -> None:
        self.place = place
        self._address = address
        self._headers = headers
        self._context = context
        self._timeout = timeout

    def ask(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Given a path and perhaps a body to send as JSON, return what the JSON answer says.

        Raise RefusedError if the status is no success, BackupError if no answer comes.
        """
        headers = {"Content-Type": "application/json"}
        encoded = None if body is None else json.dumps(body).encode()
        with self._answer(method, path, encoded, headers) as answer:
            text = answer.read()
        try:
            return json.loads(text) if text else None
        except ValueError as error:
            raise BackupError(f"{self.place} answered {method} {path} without JSON") from error

    def download(self, path: str, target: Path) -> str:
        """Given a path and a file, write the answer into it. Return the SHA-256 of what came."""
        digest = hashlib.sha256()
        with self._answer("GET", path, None, {}) as answer, target.open("xb") as stream:
            target.chmod(0o600)
            expected = answer.length
            while chunk := answer.read(_CHUNK):
                digest.update(chunk)
                stream.write(chunk)
            if expected is not None and stream.tell() != expected:
                raise BackupError(f"{self.place} broke off in the middle of {path}")
        return digest.hexdigest()

    def upload(self, path: str, field: str, source: Path) -> None:
        """Given a path, the name of a form's field and a file, send the file as that field."""
        boundary = uuid.uuid4().hex
        before = (
            f"--{boundary}\r\nContent-Disposition: form-data; "
            f'name="{field}"; filename="{field}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        after = f"\r\n--{boundary}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(before) + source.stat().st_size + len(after)),
        }

        def form() -> Iterator[bytes]:
            yield before
            with source.open("rb") as stream:
                while chunk := stream.read(_CHUNK):
                    yield chunk
            yield after

        with self._answer("POST", path, form(), headers) as answer:
            answer.read()

    @contextlib.contextmanager
    def _answer(
        self, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        connection = (
            http.client.HTTPSConnection(
                *self._address, timeout=self._timeout, context=self._context
            )
            if self._context
            else http.client.HTTPConnection(*self._address, timeout=self._timeout)
        )
        try:
            connection.request(method, path, body, {**self._headers, **headers})
            answer = connection.getresponse()
            if not 200 <= answer.status < 300:
                said = " ".join(answer.read(2000).decode(errors="replace").split())
                raise RefusedError(
                    f"{self.place} answered {method} {path} with {answer.status} "
                    f"{answer.reason}: {said}",
                    answer.status,
                )
            yield answer
        except (OSError, http.client.HTTPException) as error:
            cause = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise BackupError(f"cannot reach {self.place}: {cause}") from error
        finally:
            connection.close()


def endpoint(
    service: dict[str, Any], product: str, port: int
) -> tuple[str, tuple[str, int], ssl.SSLContext | None]:
    """Given a service, what it is called and its usual port, return how to call it in a sentence,
    its address and port, and the TLS to speak there, if any.

    options tls and ca_file say whether to speak TLS, and which certificates to trust instead of
    the system's. The name in the certificate counts only for a service that is addressed by a name
    of its own, not for a container. Raise BackupError if the container does not run.
    """
    options, context = service["options"], None
    docker = service["runtime"] == "docker"
    host = service.get("host") or "127.0.0.1"
    if docker:
        host = _container.address(_container.inspect(service["container"]))
    if options.get("tls"):
        try:
            context = ssl.create_default_context(cafile=options.get("ca_file") or None)
        except OSError as error:
            raise BackupError(
                f"cannot read the certificates in {options.get('ca_file')}: {error}"
            ) from error
        context.check_hostname = not docker
    address = (host, service.get("port") or port)
    place = service["container"] if docker else f"{address[0]}:{address[1]}"
    return f"{product} in {place}", address, context


def server(
    service: dict[str, Any],
    product: str,
    port: int,
    headers: dict[str, str],
    timeout: float = 600,
) -> Server:
    """Given a service, what it is called, its usual port and headers to send, return its Server,
    found as `endpoint` does.
    """
    place, address, context = endpoint(service, product, port)
    return Server(place, address, headers, context, timeout)


def refused(error: BackupError) -> bool:
    """Given an error, return whether a server answered and refused; else nobody knows what became
    of the request.
    """
    return isinstance(error, RefusedError) or isinstance(error.__cause__, RefusedError)


def wait(attempt: Callable[[], Any], seconds: float) -> Any:
    """Given something to ask a server that was started a moment ago, return its first answer.

    Raise the last BackupError after so many seconds, and at once when the server answers but
    refuses.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return attempt()
        except BackupError as error:
            if refused(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.3)


def keep_certificates(service: dict[str, Any], directory: Path) -> None:
    """Given a service and the directory of its dump, keep a copy of the certificates to trust in
    it as ca.pem: a host that restores it has no other.
    """
    if path := service["options"].get("ca_file"):
        shutil.copyfile(path, directory / "ca.pem")
