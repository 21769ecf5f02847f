"""The application: `create_app(WebConfig(...))`, to be served by `whochanged serve` or mounted into another ASGI application."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg_pool import PoolTimeout
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import PathLike, StaticFiles
from starlette.types import Scope

from capture.errors import WhochangedError
from capture.migrate import program_version
from reports.web import healthz, pages
from reports.web.api import routes as api
from reports.web.config import WebConfig
from reports.web.database import Database
from reports.web.errors import Refused, answer
from reports.web.middleware import Boundary
from reports.web.signin import routes as signin
from reports.web.state import State


class Assets(StaticFiles):
    """Style sheet and script: asked for under their version, browsers keep them."""

    def file_response(
        self, full_path: PathLike, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Answer with a file."""
        found = super().file_response(full_path, stat_result, scope, status_code)
        versioned = scope.get("query_string", b"").startswith(b"v=")
        found.headers["Cache-Control"] = "public, max-age=31536000, immutable" if versioned else "no-cache"
        return found


def create_app(config: WebConfig) -> Starlette:
    """Make the application. It connects with the first request; it closes its connections when its lifespan ends.

    An application that mounts it (`Mount("/logs/audit", create_app(...))`) has no lifespan for it: there
    `app.state.web.database.close()` does the same.
    """
    state = State(config, Database(config.database, size=config.connections), program_version())

    ways_in = list(signin.routes)
    if config.provider is not None:
        # Only here, so that the page does without the libraries of the extra "oidc".
        from reports.web.signin import oidc, oidc_routes

        state.oidc = oidc.Client(config.provider)
        ways_in += oidc_routes.routes

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await run_in_threadpool(state.database.close)

    app = Starlette(
        routes=[
            *ways_in,
            *pages.routes(),
            *api.routes,
            *healthz.routes,
            Mount("/static", Assets(packages=[("reports.web", "static")]), name="static"),
        ],
        middleware=[Middleware(Boundary, config=config)],
        exception_handlers=dict.fromkeys((Refused, HTTPException, WhochangedError, psycopg.Error, PoolTimeout), answer),
        lifespan=lifespan,
    )
    app.state.web = state
    return app
