# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an S3 server is asked: requests signed with the service's access key (Signature Version 4),
over one connection that is kept, answers streamed. A secret leaves this process in signatures only.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from ansible_collections.janus.backup.plugins.module_utils import _http
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import read_secret

PORT = 9000
CHUNK = 1024 * 1024
_NOTHING = hashlib.sha256(b"").hexdigest()


class S3Error(_http.RefusedError):
    """The server answered with an error of S3's own."""

    def __init__(self, sentence: str, status: int, code: str) -> None:
        super().__init__(sentence, status)
        self.code = code


class Api:
    """The S3 interface, and MinIO's own for administration, of one server."""

    def __init__(self, service: dict[str, Any]) -> None:
        path = service.get("password_file")
        secret = service["secret"] if "secret" in service else read_secret(path) if path else ""
        self._key, self._secret = service["user"] or "", secret
        self._region = service["options"].get("region") or "us-east-1"
        self.place, self._address, self._context = _http.endpoint(service, "S3 server", PORT)
        self._timeout = service["options"].get("timeout") or 600
        self._connection: http.client.HTTPConnection | None = None

    def ask(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
    ) -> bytes:
        """Given a request with little to send and to answer, return what is answered.

        Raise S3Error if the server refuses, BackupError if it does not answer.
        """
        digest = hashlib.sha256(body).hexdigest()
        with self.answer(method, path, query, headers, (body, len(body), digest)) as answer:
            return answer.read()

    @contextlib.contextmanager
    def answer(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        content: tuple[Any, int, str] = (b"", 0, _NOTHING),
    ) -> Iterator[http.client.HTTPResponse]:
        """Given a request, yield the answer to read from.

        content is what to send: bytes or a stream, its length, and its SHA-256.
        """
        body, length, digest = content
        asked = "&".join(
            f"{quote(name, safe='~')}={quote(value, safe='~')}"
            for name, value in sorted((query or {}).items())
        )
        place = quote(path, safe="/~")
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        sent = self._signed(method, place, asked, sent, digest)
        encoded = {name: value.encode() for name, value in sent.items()}
        target = f"{place}?{asked}" if asked else place
        try:
            answer = self._exchange(method, target, encoded | {"content-length": length}, body)
            if not 200 <= answer.status < 300:
                raise self._refusal(method, path, answer)
            yield answer
            if not answer.isclosed():
                self.close()  # the rest of it is not wanted, and would be taken for the next one
        except (OSError, http.client.HTTPException) as error:
            self.close()
            cause = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise BackupError(f"cannot reach {self.place}: {cause}") from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the connection; the next request begins another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(
        self, method: str, target: str, headers: dict[str, Any], body: Any
    ) -> http.client.HTTPResponse:
        kept = self._connection is not None
        if self._connection is None:
            self._connection = (
                http.client.HTTPSConnection(
                    *self._address, timeout=self._timeout, context=self._context
                )
                if self._context
                else http.client.HTTPConnection(*self._address, timeout=self._timeout)
            )
        try:
            self._connection.request(method, target, body or None, headers)
            return self._connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            # A server ends connections that were idle. What is streamed cannot be sent twice.
            self.close()
            if not kept or not isinstance(body, bytes):
                raise
            return self._exchange(method, target, headers, body)

    def _refusal(self, method: str, path: str, answer: http.client.HTTPResponse) -> S3Error:
        said = answer.read(4000).decode(errors="replace")
        code = message = ""
        with contextlib.suppress(ElementTree.ParseError):
            told = {element.tag.rpartition("}")[2]: element.text for element in _children(said)}
            code, message = told.get("Code") or "", told.get("Message") or ""
        if code in ("InvalidAccessKeyId", "SignatureDoesNotMatch"):
            sentence = f"{self.place} refuses access key {self._key}: {message}"
        else:
            words = " ".join(f"{code} {message}".split()) or " ".join(said.split())
            sentence = f"{self.place} answered {method} {path} with {answer.status}: {words}"
        return S3Error(sentence, answer.status, code)

    def _signed(
        self, method: str, path: str, query: str, headers: dict[str, str], digest: str
    ) -> dict[str, str]:
        """Return the headers with a signature of Signature Version 4 over the request."""
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        host, port = self._address
        headers = {
            **headers,
            "host": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            "x-amz-content-sha256": digest,
            "x-amz-date": moment,
        }
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in sorted(headers))
        request = "\n".join([method, path, query, lines, names, digest])
        scope = f"{moment[:8]}/{self._region}/s3/aws4_request"
        hashed = hashlib.sha256(request.encode()).hexdigest()
        key = f"AWS4{self._secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashed}"
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self._key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}"
        )
        return headers


def text(value: str) -> str:
    """Given a header as http.client has it, return the UTF-8 text that it stands for."""
    return value.encode("latin-1").decode(errors="replace")


def _children(said: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(said))
