"""Logins that name an actor, and what the log then says of them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from capture.catalogue.own import own_catalogue
from capture.entries.describe import entries
from capture.install import track_table
from capture.model import Entry
from tests.fix_postgres import login

Connection = psycopg.Connection[Any]

VOUCHED = ("Ana Admin", "vouched")
_SOON = 60


@contextmanager
def logins(conn: Connection, dsn: str, *names: str) -> Iterator[dict[str, str]]:
    """Make a tracked table t, and give the address of a new login for each name, whose role begins with it."""
    roles = {name: f"{name}_{uuid.uuid4().hex[:8]}" for name in names}
    conn.execute("create table t (id int generated always as identity primary key, n text)")
    track_table(conn, "public.t")
    for role in roles.values():
        conn.execute(f"create role {role} login; grant select, insert, update on t to {role}")
    yield {name: login(dsn, role) for name, role in roles.items()}
    for role in roles.values():
        conn.execute(f"drop owned by {role}; drop role {role}")


@pytest.fixture
def app(conn: Connection, dsn: str) -> Iterator[Connection]:
    """Give the connection of a login that is no gateway, and may write the tracked table t."""
    with logins(conn, dsn, "crm_app") as addresses, psycopg.connect(addresses["crm_app"], autocommit=True) as app:
        yield app


def role_of(dsn: str) -> str:
    """Return the role that an address logs in as."""
    return str(psycopg.conninfo.conninfo_to_dict(dsn)["user"])


def say(conn: Connection, actor: str, context: str = "", signature: str = "") -> None:
    """Set the three settings until the transaction ends, as an application without the helper does."""
    conn.execute(
        "select set_config('audit.actor', %s, true), set_config('audit.context', %s, true), set_config('audit.signature', %s, true)",
        (actor, context, signature),
    )


def write(conn: Connection, text: str = "x") -> None:
    """Make one change of the tracked table."""
    conn.execute("insert into t (n) values (%s)", (text,))


def told(conn: Connection) -> list[tuple[str, str]]:
    """Return who made each change of t and whether that is vouched for, the first one first, as the view shows it.

    What people and programs read of the entries must say the same.
    """
    seen = conn.execute(
        "select actor_shown, actor_trust, actor, signature, transaction_id::text::bigint from audit.log"
        " where table_name = 'public.t' order by at, id"
    ).fetchall()
    found = [entry for entry in reversed(list(entries(conn, own_catalogue()))) if entry.entity == "t"]
    by_number = {entry.transaction_id: entry for entry in found}
    assert [(row[0], row[1], row[2], row[3]) for row in seen] == [_shown(by_number[row[4]]) for row in seen]
    return [(row[0], row[1]) for row in seen]


def _shown(entry: Entry) -> tuple[str, str, str, str | None]:
    shown = f"{entry.actor} ({entry.actor_mark})" if entry.actor_mark else entry.actor
    return shown, entry.actor_trust, entry.actor, entry.source.signature


def claim(app: Connection, name: str = "Ana Admin") -> tuple[str, str]:
    """Return how a name with a bad signature is shown."""
    return f"{name} (claimed by {app.info.user}, signature invalid)", "claimed"


def facts(app: Connection) -> dict[str, Any]:
    """Return what a signature is bound to, and when it is to expire."""
    row = app.execute("select c.system_identifier, pg_current_xact_id()::text from pg_control_system() as c").fetchone()
    assert row is not None
    return {"cluster": row[0], "transaction": row[1], "expires": int(time.time()) + _SOON}
