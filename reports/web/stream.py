"""Long answers, sent as they are read: an export of a million entries takes no more memory than one of a hundred."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import islice
from typing import Literal

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from reports.clock import clock
from reports.web import journal
from reports.web.scoped import ScopedLog
from reports.web.state import state_of
from reports.web.viewer import Viewer

Format = Literal["csv", "jsonl"]

_TYPES: dict[Format, str] = {"csv": "text/csv; charset=utf-8; header=present", "jsonl": "application/x-ndjson"}
_LINES = 200

Produce = Callable[[ScopedLog], Iterator[str]]


class Export(StreamingResponse):
    """A file of entries: on a connection of its own, which is given back also when the reader goes away half-way.

    The export is written into the log before the first line is read; *filters* are those of the page's address.
    """

    def __init__(self, request: Request, viewer: Viewer, form: Format, filters: str, produce: Produce) -> None:
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        headers = {"Content-Disposition": f'attachment; filename="audit-log-{moment}.{form}"'}
        super().__init__(self._parts(), headers=headers, media_type=_TYPES[form])
        self._request, self._viewer, self._form, self._filters, self._produce = request, viewer, form, filters, produce
        state = state_of(request)
        self._lane, self._seconds = state.lane("export"), state.config.export_seconds
        self._stack = ExitStack()
        self._lines: Iterator[str] = iter(())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. What fails before the first line is answered as on any page; a reader who dawdles is cut off."""
        if scope["method"] == "HEAD":
            await Response(headers=dict(self.headers))(scope, receive, send)
            return
        self._lane.enter()
        try:
            await anyio.to_thread.run_sync(self._open, limiter=self._lane.limiter)
            with anyio.fail_after(self._seconds):
                await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._stack.close)
            self._lane.leave()

    def _open(self) -> None:
        state = state_of(self._request)
        conn = self._stack.enter_context(state.database.connection())
        # The file has what the list had: not the entry that tells of the file.
        before = clock(conn)
        journal.note(conn, self._request, self._viewer, "exported", format=self._form, filters=self._filters)
        self._stack.enter_context(state.database.read(conn, state.config.export_seconds))
        self._lines = self._produce(ScopedLog(conn, self._viewer, before=before))

    async def _parts(self) -> AsyncIterator[str]:
        while part := await anyio.to_thread.run_sync(self._next, limiter=self._lane.limiter):
            yield part

    def _next(self) -> str:
        return "".join(islice(self._lines, _LINES))
