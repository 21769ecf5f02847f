"""The way to the database: a connection, or one line that says what is wrong and what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from capture.errors import DatabaseError
from whochanged.embedded import embedded
from whochanged.settings import Settings, resolve_dsn

OLDEST_SERVER = 150000
_CONNECT_SECONDS = 10

Connection = psycopg.Connection[tuple[Any, ...]]


def connect(dsn: str = "", *, autocommit: bool = False, application_name: str = "whochanged") -> Connection:
    """Connect to the PostgreSQL at *dsn*; where it is empty, libpq's own variables say where that is."""
    try:
        address = make_conninfo(dsn, fallback_application_name=application_name, client_encoding="utf8")
        if "connect_timeout" not in conninfo_to_dict(address) and "PGCONNECT_TIMEOUT" not in os.environ:
            address = make_conninfo(address, connect_timeout=_CONNECT_SECONDS)
        conn = psycopg.connect(address, autocommit=autocommit)
    except psycopg.Error as error:
        raise DatabaseError(_explain(error, dsn)) from error
    version = conn.info.server_version
    if version < OLDEST_SERVER:
        conn.close()
        message = f"the server is PostgreSQL {version // 10000}, too old: whochanged needs 15 or newer"
        raise DatabaseError(message)
    # What is read takes a few milliseconds of each partition: compiling such a plan takes longer.
    conn.execute("SET jit = off")
    if not autocommit:
        conn.commit()
    return conn


@contextmanager
def database_address(settings: Settings, cli_dsn: str | None = None) -> Iterator[str]:
    """Give the database's address while the block lasts; the embedded server runs where none is given."""
    dsn = resolve_dsn(cli_dsn)
    if dsn is not None:
        yield dsn
        return
    with embedded(settings.home_folder) as address:
        yield address


def _explain(error: psycopg.Error, dsn: str) -> str:
    """Say in one line why no connection came about, and what to do."""
    said = str(error).strip()
    first = said.splitlines()[0].strip() if said else "no reason given"
    where = _where(dsn)
    for needle, reason in (
        ("password authentication failed", "the password is wrong: check the address, PGPASSWORD or ~/.pgpass"),
        ("no password supplied", "a password is needed: put it into the address, PGPASSWORD or ~/.pgpass"),
        ("no pg_hba.conf entry", "the server does not let us in from here: add a line to its pg_hba.conf"),
        ("authentication failed", "the server does not take us for that user: check the user of the address"),
        ("too many clients", "the server has no free connection: try again, or raise max_connections"),
        ("starting up", "the server is still starting: try again in a moment"),
        ("definition of service", "PGSERVICE names no service: check it against ~/.pg_service.conf"),
    ):
        if needle in said:
            return f"cannot connect to {where}: {reason}"
    if "database" in said and "does not exist" in said:
        return f"cannot connect to {where}: there is no such database: create it (createdb) or correct the address"
    if "role" in said and "does not exist" in said:
        return f"cannot connect to {where}: there is no such user: correct the user of the address"
    if any(word in said for word in ("refused", "No such file", "could not translate", "resolve", "timeout")):
        return f"cannot reach {where}: check that the server runs there and that the address is right"
    return f"cannot connect to {where}: {first}"


def _where(dsn: str) -> str:
    """Name the database in words that hold no secret."""
    try:
        words = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return "the database"
    defaults = {
        entry.keyword.decode(): entry.val.decode()
        for entry in psycopg.pq.Conninfo.get_defaults()
        if entry.val is not None
    }
    host = words.get("host") or words.get("hostaddr") or defaults.get("host") or "the local socket"
    name = words.get("dbname") or defaults.get("dbname") or words.get("user") or defaults.get("user") or "?"
    port = words.get("port") or defaults.get("port") or "5432"
    return f"database {name!r} at {host}, port {port}"
