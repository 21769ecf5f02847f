"""Actor and request context from a web application, ASGI or WSGI, to the connections that serve the request.

The middleware only remembers who acts; `acting(connection)` hands it to the database inside a transaction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from capture.context import Target, actor

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Environ = dict[str, Any]
WsgiApp = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Acting:
    """Who acts in this request, and what is known of the request."""

    name: str
    context: Mapping[str, Any] = field(default_factory=dict)


_current: ContextVar[Callable[[], Acting | None] | None] = ContextVar("whochanged_acting", default=None)


def current() -> Acting | None:
    """Return who acts in this request; asked late, when the application has authenticated."""
    find = _current.get()
    return find() if find else None


@contextmanager
def acting(connection: Target, *, key: str | None = None) -> Iterator[None]:
    """Record the request's actor with what the transaction changes, signed where a *key* is given; without an actor, do nothing."""
    found = current()
    if found is None:
        yield
        return
    with actor(connection, found.name, key=key, **found.context):
        yield


class ActorASGIMiddleware:
    """Remember the actor of an HTTP or WebSocket request: *find_actor* gets the scope, and returns a name or None."""

    def __init__(self, app: AsgiApp, find_actor: Callable[[Scope], str | None]) -> None:
        """Wrap *app*."""
        self.app = app
        self.find_actor = find_actor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return

        def find() -> Acting | None:
            headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
            client = scope.get("client")
            name = self.find_actor(scope)
            return _acting(name, client[0] if client else None, headers.get("x-request-id"), headers.get("user-agent"))

        token = _current.set(find)
        try:
            await self.app(scope, receive, send)
        finally:
            _current.reset(token)


class ActorWSGIMiddleware:
    """Remember the actor of a request: *find_actor* gets the environ, and returns a name or None."""

    def __init__(self, app: WsgiApp, find_actor: Callable[[Environ], str | None]) -> None:
        """Wrap *app*."""
        self.app = app
        self.find_actor = find_actor

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request; the actor holds while the body is made, too."""

        def find() -> Acting | None:
            name = self.find_actor(environ)
            return _acting(
                name, environ.get("REMOTE_ADDR"), environ.get("HTTP_X_REQUEST_ID"), environ.get("HTTP_USER_AGENT")
            )

        token = _current.set(find)
        try:
            body = self.app(environ, start_response)
            try:
                yield from body
            finally:
                close = getattr(body, "close", None)
                if close:
                    close()
        finally:
            _current.reset(token)


def _acting(name: str | None, ip: str | None, request_id: str | None, user_agent: str | None) -> Acting | None:
    """Put together what is known."""
    if not name:
        return None
    known = {"ip": ip, "request_id": request_id, "user_agent": user_agent}
    return Acting(name, {key: value for key, value in known.items() if value})
