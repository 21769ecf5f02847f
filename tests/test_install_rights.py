"""Installations by those who may not do all of it: nothing is half-done, on every version (CREATEROLE means less since 16)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.fix_postgres import TestServer, login
from tests.test_install_refused import TABLES, catalogue, refused, untouched
from whochanged.cli import run

__all__ = ["catalogue"]

Connection = psycopg.Connection[Any]
MAY_NOT = "install as the database's owner with CREATEROLE, or as a superuser"
ROLES = "SELECT count(*) FROM pg_roles WHERE rolname IN ('audit_owner', 'audit_capture', 'audit_reader')"


@pytest.fixture
def limited(server: TestServer, empty_dsn: str) -> Iterator[tuple[Connection, str]]:
    """Give a superuser's connection to a database, and the role that owns all tables in it and may do nothing else."""
    del server
    name = f"limited_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {name} LOGIN")
        conn.execute(f"GRANT CREATE ON DATABASE {conn.info.dbname} TO {name}")
        conn.execute(f"SET ROLE {name}; {TABLES}; RESET ROLE")
        yield conn, name
        conn.execute(f"DROP OWNED BY {name} CASCADE")
        conn.execute(f"DROP ROLE {name}")


@pytest.mark.parametrize(
    "given,message",
    [
        ("", MAY_NOT),
        (
            "ALTER ROLE {name} CREATEROLE; REVOKE CREATE ON DATABASE {database} FROM {name}",
            MAY_NOT,
        ),
        (
            "ALTER ROLE {name} CREATEROLE; CREATE SCHEMA audit",
            "there is a schema audit already, which belongs to postgres and",
        ),
        ("ALTER ROLE {name} CREATEROLE; CREATE SCHEMA audit AUTHORIZATION {name}", "which belongs to limited_"),
    ],
)
def test_who_may_not_install_leaves_nothing_behind(
    limited: tuple[Connection, str],
    empty_dsn: str,
    catalogue: str,
    given: str,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    conn, name = limited
    conn.execute(given.format(name=name, database=conn.info.dbname).encode() or b"SELECT 1")
    before = conn.execute(ROLES).fetchone()
    objects = "SELECT count(*) FROM pg_class UNION ALL SELECT count(*) FROM pg_proc UNION ALL SELECT count(*) FROM pg_namespace"
    had = conn.execute(objects).fetchall()
    assert message in refused(capsys, login(empty_dsn, name), catalogue)
    assert conn.execute(objects).fetchall() == had
    assert conn.execute(ROLES).fetchone() == before
    assert untouched(conn) or "SCHEMA" in given


def test_a_superuser_too_does_not_fill_somebody_elses_schema(
    limited: tuple[Connection, str], empty_dsn: str, catalogue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    conn, name = limited
    conn.execute(f"CREATE SCHEMA audit AUTHORIZATION {name}")
    assert f"which belongs to {name} and is not the log's: rename or drop it" in refused(capsys, empty_dsn, catalogue)
    assert run(["uninstall", "--dsn", empty_dsn]) == 0
    assert conn.execute("SELECT to_regnamespace('audit') IS NOT NULL").fetchone() == (True,)
