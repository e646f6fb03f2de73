# SPDX-License-Identifier: GPL-3.0-or-later
"""The application: all endpoints, and what opens and closes the store around them."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from . import API_VERSION, ENGINE_VERSION, TITLE, api_collections, api_points, api_snapshots
from .collection import Collection
from .service import Call, Guard, Service, endpoint, failure, json_response
from .settings import Settings
from .snapshots import Snapshots
from .store import Store

FLUSH_SECONDS = 5


async def _root(_: Request) -> Response:
    return json_response({"title": TITLE, "version": f"{API_VERSION}-stand-in", "commit": None})


async def _healthy(request: Request) -> Response:
    return PlainTextResponse(
        "all shards are ready" if request.url.path == "/readyz" else "healthz check passed"
    )


def _cluster(_: Call) -> Any:
    return {"status": "disabled"}


async def _unknown(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    message = f"{problem.detail}: the stand-in has no {request.method} {request.url.path}"
    return failure(message, problem.status_code, 0)


def build(settings: Settings) -> Starlette:
    """Return the application for the settings."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        store = Store(settings.storage)
        snapshots = Snapshots(store, settings.snapshots, settings.snapshot_url_recovery)
        app.state.service = Service(store, snapshots, settings)
        print(f"stand-in: {len(store.names())} collections are open", flush=True)
        stopped = threading.Event()
        flusher = threading.Thread(target=_flush_often, args=(store, stopped), daemon=True)
        flusher.start()
        try:
            yield
        finally:
            stopped.set()
            await run_in_threadpool(flusher.join)
            store.each(Collection.close)
            print("stand-in: all collections are closed", flush=True)

    return Starlette(
        routes=[
            Route("/", _root),
            *(Route(path, _healthy) for path in ("/healthz", "/livez", "/readyz")),
            Route("/cluster", endpoint(_cluster)),
            *api_collections.ROUTES,
            # Before the points, whose last route takes any word for an id.
            *api_snapshots.ROUTES,
            *api_points.ROUTES,
        ],
        middleware=[
            Middleware(
                Guard, settings=settings, server=f"qdrant-stand-in (qdrant-edge {ENGINE_VERSION})"
            )
        ],
        exception_handlers={HTTPException: _unknown},
        lifespan=lifespan,
    )


def _flush_often(store: Store, stopped: threading.Event) -> None:
    """Flush until stopped, as the server does, so that the log of updates stays short."""
    while not stopped.wait(FLUSH_SECONDS):
        store.each(_flush)


def _flush(collection: Collection) -> None:
    try:
        collection.flush()
    except Exception as problem:  # noqa: BLE001 - deleted meanwhile; the engine says no more
        print(f"stand-in: {collection.folder.name} was not flushed: {problem}", flush=True)
