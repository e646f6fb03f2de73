# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One file put as an object: at once, or in parts when it is large. Memory stays flat, and the
server checks every part against its SHA-256.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._services import (
    _minio_access as access,
)

# S3 takes 10,000 parts of an object.
_PART = 64 * 1024 * 1024
_PARTS = 10_000


class Slice(io.RawIOBase):
    """A part of a file, read as if it were one."""

    def __init__(self, stream: Any, start: int, length: int) -> None:
        self._stream, self._left = stream, length
        stream.seek(start)

    def read(self, size: int = -1) -> bytes:
        """Return up to so many bytes of what is left of the part."""
        wanted = self._left if size < 0 else min(size, self._left)
        chunk: bytes = self._stream.read(wanted)
        self._left -= len(chunk)
        return chunk


def put(api: access.Api, path: str, headers: dict[str, str], source: Path, sha256: str) -> None:
    """Given an object's path and headers, and a file with its SHA-256, put it.

    Raise S3Error if the server refuses it, as it does when what arrives is something else.
    """
    size = source.stat().st_size
    with source.open("rb") as stream:
        if size <= _PART:
            _send(api, path, {}, headers, (stream, size, sha256))
            return
        begun = ElementTree.fromstring(api.ask("POST", path, {"uploads": ""}, headers))
        upload = next(child.text or "" for child in begun if child.tag.endswith("UploadId"))
        try:
            length, done = max(_PART, -(-size // _PARTS)), []
            for number, start in enumerate(range(0, size, length), 1):
                part = min(length, size - start)
                digest = _sha256(Slice(stream, start, part))
                query = {"partNumber": str(number), "uploadId": upload}
                content = (Slice(stream, start, part), part, digest)
                etag = _send(api, path, query, {}, content)
                done.append(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
            body = f"<CompleteMultipartUpload>{''.join(done)}</CompleteMultipartUpload>"
            said = api.ask("POST", path, {"uploadId": upload}, body=body.encode())
            if ElementTree.fromstring(said).tag.endswith("Error"):  # S3 says so with status 200
                raise BackupError(f"{api.place} did not complete {path}: {said.decode()}")
        except BaseException:
            api.ask("DELETE", path, {"uploadId": upload})
            raise


def _send(
    api: access.Api,
    path: str,
    query: dict[str, str],
    headers: dict[str, str],
    content: tuple[Any, int, str],
) -> str:
    with api.answer("PUT", path, query, headers, content) as answer:
        answer.read()
        return answer.getheader("etag") or ""


def _sha256(stream: Slice) -> str:
    summed = hashlib.sha256()
    while chunk := stream.read(access.CHUNK):
        summed.update(chunk)
    return summed.hexdigest()
