# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed requests to an S3 server, for what rclone does not ask: settings of a bucket, and why a
server refuses. Objects are never moved with it.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import http.client
import re
import ssl
import urllib.parse
from dataclasses import dataclass

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError


class UnreachableError(BackupError):
    """Nobody answered: the network or the server is down, which is nobody's mistake."""


class RefusedError(BackupError):
    """The server answered and refused; `code` is its own word for why."""

    def __init__(self, sentence: str, code: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True)
class Access:
    """Where a server is and with which keys to ask it."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"
    ca_file: str | None = None


def ask(
    access: Access,
    method: str,
    path: str,
    query: dict[str, str] | None = None,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
) -> bytes:
    """Given a server, a method, a path and perhaps more, return the body of the answer.

    Raise RefusedError if the answer is no success or the server's certificate is not trusted,
    UnreachableError if there is no answer.
    """
    parts = urllib.parse.urlsplit(access.endpoint)
    asked = "&".join(
        f"{_quoted(key)}={_quoted(value)}" for key, value in sorted((query or {}).items())
    )
    signed = _signed(access, parts.netloc, method, path, asked, body, headers or {})
    connection = _connection(access, parts)
    try:
        connection.request(method, f"{path}?{asked}" if asked else path, body, signed)
        answer = connection.getresponse()
        content = answer.read()
    except ssl.SSLCertVerificationError as error:
        raise RefusedError(f"{access.endpoint}: {error.verify_message} (x509)", "x509") from error
    except (OSError, http.client.HTTPException) as error:
        cause = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UnreachableError(f"cannot reach {access.endpoint}: {cause}") from error
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        text = content.decode(errors="replace")
        code = _tag(text, "Code") or str(answer.status)
        said = _tag(text, "Message") or answer.reason
        raise RefusedError(f"{access.endpoint} refused {method} {path}: {said} ({code})", code)
    return content


def _tag(text: str, name: str) -> str | None:
    found = re.search(rf'<{name}>(.*?)</{name}>|"{name}":"(.*?)"', text, re.S)
    return (found[1] or found[2]) if found else None


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="-_.~")


def _connection(
    access: Access, parts: urllib.parse.SplitResult, timeout: float = 30
) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "https":
        try:
            context = ssl.create_default_context(cafile=access.ca_file)
        except OSError as error:
            raise BackupError(
                f"cannot read the certificates in {access.ca_file}: {error}"
            ) from error
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=context)
    return http.client.HTTPConnection(host, parts.port, timeout=timeout)


def _signed(
    access: Access,
    host: str,
    method: str,
    path: str,
    query: str,
    body: bytes,
    headers: dict[str, str],
) -> dict[str, str]:
    """Return the headers of a request with its signature (AWS Signature Version 4)."""
    moment = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(body).hexdigest()
    sent = {key.lower(): value for key, value in headers.items()}
    sent |= {"host": host, "x-amz-date": moment, "x-amz-content-sha256": digest}
    names = ";".join(sorted(sent))
    canonical = "".join(f"{name}:{sent[name].strip()}\n" for name in sorted(sent))
    request = "\n".join([method, path, query, canonical, names, digest])
    scope = f"{moment[:8]}/{access.region}/s3/aws4_request"
    text = "\n".join(
        ["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()]
    )
    key = f"AWS4{access.secret_key}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.digest(key, part.encode(), "sha256")
    credential = f"Credential={access.access_key}/{scope}"
    sent["authorization"] = (
        f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={key.hex()}"
    )
    return sent
