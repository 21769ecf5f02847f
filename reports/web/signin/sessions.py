"""Sessions: 256 random bits in a cookie, their hash in the database, so that they end when somebody says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb
from starlette.requests import HTTPConnection
from starlette.responses import Response

from capture.resources import query
from reports.web.config import WebConfig
from reports.web.secrets import hashed, new_token
from reports.web.signin.users import User
from reports.web.viewer import Viewer, from_document, to_document

_NAME = "whochanged_session"


@dataclass(frozen=True, slots=True)
class Session:
    """A session that is valid now: who it is, and the token that its forms are bound to."""

    viewer: Viewer
    token: str


def begin(
    conn: psycopg.Connection[Any], viewer: Viewer, *, longest: timedelta, user: User | None, address: str | None
) -> str:
    """Begin a session and return its token: always a new one, whatever the browser had before."""
    token = new_token()
    values = {
        "token_hash": hashed(token),
        "subject": viewer.subject,
        "method": viewer.method,
        "user_id": None if user is None else user.id,
        "viewer": Jsonb(to_document(viewer)) if user is None else None,
        "address": address,
        "seconds": longest.total_seconds(),
    }
    conn.execute(query("web_session_add"), values)
    return token


def find(conn: psycopg.Connection[Any], token: str, *, idle: timedelta, touch: bool = True) -> Session | None:
    """Return the session of a token, None where it is over. Of a local account, its rights are those of this moment.

    Without *touch* it goes on being idle: what a page asks by itself is no sign that somebody is there.
    """
    key = {"token_hash": hashed(token)}
    with conn.cursor(row_factory=tuple_row) as cursor:
        parameters = {**key, "methods": ["password", "oidc"], "idle": idle.total_seconds()}
        row = cursor.execute(query("web_session_find"), parameters).fetchone()
    if row is None:
        return None
    subject, method, viewer, number, *account, stale = row
    if stale and touch:
        conn.execute(query("web_session_seen"), key)
    if number is None:
        return Session(from_document(viewer, subject=subject, method=method), token)
    name, full_name, role, accounts, may_export, timezone = account
    user = User(number, name, full_name, role, tuple(accounts) if accounts else None, may_export, timezone)
    return Session(user.viewer(), token)


def end(conn: psycopg.Connection[Any], token: str) -> None:
    """End a session: its token is worth nothing from now on."""
    conn.execute(query("web_session_end"), {"token_hash": hashed(token)})


def sweep(conn: psycopg.Connection[Any], *, idle: timedelta) -> None:
    """Forget the sessions that are over."""
    conn.execute(query("web_session_sweep"), {"idle": idle.total_seconds()})


def cookie_name(connection: HTTPConnection) -> str:
    """Return the cookie's name: browsers keep one named __Host- from other hosts and from plain HTTP, __Secure- from HTTP."""
    if connection.url.scheme != "https":
        return _NAME
    return f"__Secure-{_NAME}" if cookie_path(connection) != "/" else f"__Host-{_NAME}"


def cookie_path(connection: HTTPConnection) -> str:
    """Return the path below which the browser sends our cookies."""
    return str(connection.scope.get("root_path") or "/")


def set_cookie(connection: HTTPConnection, response: Response, name: str, value: str, *, seconds: int | None) -> None:
    """Give the browser a cookie that no script reads and no other site's form sends; for *seconds*, None: until it closes."""
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=cookie_path(connection),
        secure=connection.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


def drop_cookie(connection: HTTPConnection, response: Response, name: str) -> None:
    """Take a cookie back."""
    set_cookie(connection, response, name, "", seconds=0)


def longest_seconds(config: WebConfig) -> int:
    """Return after how many seconds the browser forgets the session by itself."""
    return int(config.longest.total_seconds())
