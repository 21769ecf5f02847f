"""Who signed in and out, whose sign-ins were refused, what was exported: table audit.access, and so entries of the log itself."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Literal

import psycopg
from psycopg.rows import tuple_row
from starlette.requests import HTTPConnection

from capture.context import actor
from capture.resources import query
from reports.web.secrets import Secret
from reports.web.signin.throttle import network
from reports.web.viewer import Method, Viewer

_log = logging.getLogger(__name__)

Kind = Literal["signed_in", "signed_out", "exported"]

_TOLD = frozenset(10**power for power in range(10))
"""Refused sign-ins are told at 1, 10, 100, ...: who tries ten thousand times fills no log."""

_GROUPS = 100
"""So many groups of them an hour; those from further addresses are told together."""

_AGENT = 200


def note(
    conn: psycopg.Connection[Any],
    connection: HTTPConnection,
    viewer: Viewer,
    kind: Kind,
    *,
    format: str | None = None,  # noqa: A002 - the column's name
    filters: str | None = None,
) -> None:
    """Write down what a viewer did, in a transaction of its own or in the one that is open."""
    values = _values(kind, viewer.name, viewer.method, client_address(connection))
    with acting(conn, connection, viewer):
        conn.execute(query("web_access_add"), {**values, "format": format, "filters": filters})


def note_refused(
    conn: psycopg.Connection[Any], secret: Secret, *, name: str | None, method: Method, address: str | None
) -> None:
    """Count a refused sign-in, and tell of it now and then. *name* is that of an account: what else was typed may be a password."""
    _log.warning("refused a sign-in by %s from %s", method, address)
    since = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    group = f"{since.isoformat()} {method} {name or ''} {network(address)}"
    number = _count(conn, secret, group)
    if number == 1 and _count(conn, secret, f"{since.isoformat()} groups") > _GROUPS:
        address = None
        number = _count(conn, secret, f"{since.isoformat()} further")
        name = None
    if number not in _TOLD:
        return
    values = {**_values("refused", name, method, address), "attempts": number, "since": since}
    if number == 1 or conn.execute(query("web_access_more"), values).rowcount == 0:
        conn.execute(query("web_access_add"), values)


def acting(conn: psycopg.Connection[Any], connection: HTTPConnection, viewer: Viewer) -> AbstractContextManager[None]:
    """Have what is written in a transaction recorded as the viewer's; names may be alike, the subject is one."""
    agent = connection.headers.get("user-agent", "")[:_AGENT]
    return actor(conn, viewer.name, ip=client_address(connection), user_agent=agent or None, subject=viewer.subject)


def client_address(connection: HTTPConnection) -> str | None:
    """Return the address that a request came from; behind a trusted proxy the one that it names."""
    return None if connection.client is None else connection.client.host


def _count(conn: psycopg.Connection[Any], secret: Secret, what: str) -> int:
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query("web_attempt_count"), {"bucket": secret.mac("refused", what)}).fetchone()
    return 0 if row is None else int(row[0])


def _values(kind: str, name: str | None, method: Method, address: str | None) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "method": method,
        "address": address,
        "attempts": 1,
        "format": None,
        "filters": None,
    }
