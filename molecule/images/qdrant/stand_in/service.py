# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests and answers as the Qdrant server has them: envelope, errors, API key."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .errors import ApiError, BadRequestError
from .settings import Settings
from .snapshots import Snapshots
from .store import Store

# Open to all, so that a health check needs no key.
PUBLIC = {"/", "/healthz", "/livez", "/readyz"}
# What a POST that only reads ends in.
READING = ("/scroll", "/count", "/query", "/query/batch", "/search", "/points")


@dataclass(frozen=True)
class Service:
    """What an endpoint works on."""

    store: Store
    snapshots: Snapshots
    settings: Settings


@dataclass(frozen=True)
class Call:
    """A request, read: the parts of its path, its query and its body."""

    service: Service
    path: dict[str, str]
    query: dict[str, str]
    body: Any

    @property
    def wait(self) -> bool:
        """Whether the answer waits for the work."""
        return self.query.get("wait", "true").lower() != "false"


Work = Callable[[Call], Any]


def json_response(value: Any, status: int = 200) -> Response:
    """Return an answer with a JSON body."""
    return Response(
        orjson.dumps(value),
        status_code=status,
        media_type="application/json",
    )


def failure(message: str, status: int, started: float) -> Response:
    """Return an answer that tells of a failure."""
    took = time.monotonic() - started
    return json_response({"status": {"error": message}, "time": took, "result": None}, status)


def endpoint(work: Work, may_be_accepted: bool = False) -> Callable[[Request], Any]:
    """Return a handler that answers a request with what the work returns.

    The work runs in a thread of its own. Where `may_be_accepted`, a request with wait=false is
    answered before it; what it fails with is then only in the log, as with the server.
    """

    async def handle(request: Request) -> Response:
        started = time.monotonic()
        try:
            call = await _read(request)
            if may_be_accepted and not call.wait:
                task = BackgroundTask(answer, work, call, started)
                response = json_response({"status": "accepted", "time": 0.0}, 202)
                response.background = task
                return response
            return await run_in_threadpool(answer, work, call, started)
        except BadRequestError as problem:
            return failure(str(problem), problem.status, started)

    return handle


def answer(work: Work, call: Call, started: float) -> Response:
    """Return the answer that the work, or what it fails with, makes."""
    try:
        result = work(call)
    except ApiError as problem:
        return failure(str(problem), problem.status, started)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        return failure(f"Format error in JSON body: {problem!r}", 400, started)
    except OSError as problem:
        print(f"stand-in: {problem}", flush=True)
        return failure(f"Service internal error: {problem}", 500, started)
    except Exception as problem:  # noqa: BLE001 - the engine raises nothing more particular
        return failure(f"Wrong input: {problem}", 400, started)
    if isinstance(result, Response):
        return result
    return json_response({"result": result, "status": "ok", "time": time.monotonic() - started})


async def _read(request: Request) -> Call:
    body = None
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        body = dict(await request.form())
    else:
        content = await request.body()
        if content:
            try:
                body = orjson.loads(content)
            except ValueError as problem:
                raise BadRequestError(f"Format error in JSON body: {problem}") from problem
    return Call(request.app.state.service, request.path_params, dict(request.query_params), body)


class Guard:
    """Turns away requests without the API key, and names the stand-in in every answer."""

    def __init__(self, app: ASGIApp, settings: Settings, server: str) -> None:
        """Stand before the application."""
        self._app = app
        self._settings = settings
        self._server = server.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""

        async def sign(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"server", self._server)]
            await send(message)

        refusal = self._refusal(Request(scope)) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, sign)

    def _refusal(self, request: Request) -> Response | None:
        keys = (self._settings.api_key, self._settings.read_only_api_key)
        if not any(keys) or request.url.path in PUBLIC:
            return None
        started = time.monotonic()
        given = request.headers.get("api-key")
        if given is None:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not given:
            return failure("Must provide an API key or an Authorization bearer token", 401, started)
        if _same(given, keys[0]):
            return None
        if not _same(given, keys[1]):
            return failure("Invalid API key or JWT", 401, started)
        if request.method in ("GET", "HEAD") or (
            request.method == "POST" and request.url.path.endswith(READING)
        ):
            return None
        return failure("Forbidden: Global manage access is required", 403, started)


def _same(given: str, key: str | None) -> bool:
    return key is not None and hmac.compare_digest(given.encode(), key.encode())
