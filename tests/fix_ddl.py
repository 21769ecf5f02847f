"""An owner of business tables who has no right on the log, and what the log wrote down of DDL."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from capture.coverage import TableCoverage, coverage
from tests.fix_postgres import login

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Owner:
    """A role that owns schema biz and what is in it: its name, and a connection of it that commits every statement."""

    name: str
    conn: Connection


@pytest.fixture
def owner(conn: Connection, dsn: str) -> Iterator[Owner]:
    """Give the owner of schema biz, with a plain table biz.t and a partitioned one biz.p, not tracked yet."""
    name = f"owner_{uuid.uuid4().hex[:8]}"
    conn.execute(f"create role {name} login; create schema biz authorization {name}")
    with psycopg.connect(login(dsn, name), autocommit=True) as own:
        own.execute(
            "create table biz.t (id int primary key, v text); insert into biz.t values (1, 'a');"
            "create table biz.p (id int, k int) partition by list (k); create table biz.p1 partition of biz.p for values in (1);"
            "create function biz.nothing() returns trigger language plpgsql as 'begin return null; end'"
        )
        yield Owner(name, own)
    conn.execute(f"drop schema if exists biz cascade; drop owned by {name}; drop role {name}")


def noted(conn: Connection, columns: str = "thing, name, action, old_value, new_value") -> list[tuple[Any, ...]]:
    """Return what was written down of DDL, in its order."""
    return conn.execute(f"select {columns} from audit.schema_change order by id").fetchall()


def watched(conn: Connection, table: str) -> TableCoverage:
    """Return what the watch over a table is worth."""
    return next(one for one in coverage(conn) if one.table_name == table)
