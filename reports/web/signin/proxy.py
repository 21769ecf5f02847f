"""Who a trusted reverse proxy says is signed in. Its headers are looked at in its own requests, and in nobody else's."""

from __future__ import annotations

from starlette.requests import Request

from capture.resources import query
from reports.web import journal
from reports.web.config import ProxyHeaders
from reports.web.database import Connection
from reports.web.errors import Refused
from reports.web.secrets import hashed
from reports.web.signin.roles import clean, viewer_of
from reports.web.state import state_of
from reports.web.viewer import Viewer


def from_headers(request: Request) -> Viewer | None:
    """Return whom the trusted proxy names, None where it names nobody, or where this is not from it.

    Raises Refused where the headers are ambiguous, or who they name may not look.
    """
    config = state_of(request).config
    headers = config.headers
    if headers is None or not request.scope.get("whochanged.proxied"):
        return None
    key = clean(_value(request, headers.user))
    if not key:
        return None
    return viewer_of(
        config.roles,
        method="proxy",
        key=key,
        name=_value(request, headers.name),
        email=_email(request, headers, key),
        given=_list(request, headers.roles),
        accounts=_list(request, headers.accounts),
    )


def welcome(request: Request, conn: Connection, viewer: Viewer) -> None:
    """Write down a sign-in where this is the first request after a while: the proxy itself tells us of none."""
    config = state_of(request).config
    values = {
        "token_hash": hashed(viewer.subject),
        "subject": viewer.subject,
        "address": journal.client_address(request),
        "idle": config.idle.total_seconds(),
        "seconds": config.longest.total_seconds(),
    }
    if conn.execute(query("web_session_known"), values).fetchone() is not None:
        return
    with conn.transaction():
        if conn.execute(query("web_session_proxy"), values).rowcount:
            journal.note(conn, request, viewer, "signed_in")


def _value(request: Request, name: str) -> str | None:
    """Return a header's text, None without one. Raises Refused where there are two: one of them is not the proxy's."""
    found = request.headers.getlist(name)
    if len(found) > 1:
        raise Refused(400, f"The proxy sent the header {name} twice: have it take away what its clients send.")
    if not found:
        return None
    try:
        return found[0].encode("latin-1").decode()
    except UnicodeDecodeError:
        return found[0]


def _list(request: Request, name: str) -> list[str]:
    return [part for part in (_value(request, name) or "").split(",") if part.strip()]


def _email(request: Request, headers: ProxyHeaders, key: str) -> str | None:
    return _value(request, headers.email) or (key if "@" in key else None)
