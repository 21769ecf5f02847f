"""`/healthz`: whether the service does its work, for those who watch it; what is amiss, only for Admins."""

from __future__ import annotations

import threading
import time
from typing import Any

from starlette.responses import JSONResponse, Response

from reports.health import Health, document, health
from reports.web.call import Call, Need, route
from reports.web.signin.identify import identify_quietly_or_nobody

_FRESH = 5.0


class _Kept:
    """The last answer: asked however often, the database is asked once in a few seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: Health | None = None
        self._until = 0.0

    def get(self, conn: Any) -> Health:
        """Return how the service is, or was a few seconds ago."""
        with self._lock:
            if self._found is None or time.monotonic() >= self._until:
                self._found = health(conn)
                self._until = time.monotonic() + _FRESH
            return self._found


def healthz(call: Call) -> Response:
    """Answer 200 where nothing critical is amiss, else 503. With `?live`, 200 as soon as the database can be asked at all."""
    if "live" in call.request.query_params:
        return JSONResponse({"status": "ok"})
    kept = call.state.shared.setdefault("health", _Kept())
    found = kept.get(call.conn)
    viewer = call.identity.viewer
    told = document(found) if viewer is not None and viewer.role == "admin" else {"status": found.status}
    return JSONResponse(told, 200 if found.ok else 503)


routes = [route("/healthz", healthz, name="healthz", need=Need.NOTHING, who=identify_quietly_or_nobody)]
