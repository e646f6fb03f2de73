# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints for the snapshots of a collection."""

from __future__ import annotations

from typing import Any

from starlette.responses import FileResponse
from starlette.routing import Route

from .errors import BadRequestError
from .service import Call, endpoint

PRIORITIES = {"snapshot", "replica", "no_sync"}


def _create(call: Call) -> Any:
    return call.service.snapshots.create(call.path["collection"])


def _list(call: Call) -> Any:
    return call.service.snapshots.listing(call.path["collection"])


def _download(call: Call) -> Any:
    path = call.service.snapshots.path(call.path["collection"], call.path["snapshot"])
    return FileResponse(path, media_type="application/octet-stream", filename=path.name)


def _delete(call: Call) -> Any:
    call.service.snapshots.delete(call.path["collection"], call.path["snapshot"])
    return True


def _recover(call: Call) -> Any:
    body = call.body
    _check_priority(body.get("priority"))
    call.service.snapshots.recover(
        call.path["collection"], body["location"], body.get("checksum"), body.get("api_key")
    )
    return True


def _upload(call: Call) -> Any:
    part = (call.body or {}).get("snapshot")
    if part is None or not hasattr(part, "file"):
        raise BadRequestError("Multipart deserialize error: Field `snapshot` is required")
    _check_priority(call.query.get("priority"))
    call.service.snapshots.upload(call.path["collection"], part.file, call.query.get("checksum"))
    return True


def _check_priority(value: str | None) -> None:
    # With one node they all come to the same, but a wrong word is the caller's mistake.
    if value is not None and value not in PRIORITIES:
        raise BadRequestError(f"Format error: unknown priority `{value}`")


SNAPSHOTS = "/collections/{collection}/snapshots"
ROUTES = [
    Route(SNAPSHOTS, endpoint(_create, may_be_accepted=True), methods=["POST"]),
    Route(SNAPSHOTS, endpoint(_list), methods=["GET"]),
    Route(f"{SNAPSHOTS}/recover", endpoint(_recover, may_be_accepted=True), methods=["PUT"]),
    Route(f"{SNAPSHOTS}/upload", endpoint(_upload, may_be_accepted=True), methods=["POST"]),
    Route(f"{SNAPSHOTS}/{{snapshot}}", endpoint(_download), methods=["GET"]),
    Route(f"{SNAPSHOTS}/{{snapshot}}", endpoint(_delete, may_be_accepted=True), methods=["DELETE"]),
]
