"""Connections for the pages: few, made when they are first needed, and given back after each request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import IsolationLevel
from psycopg_pool import ConnectionPool

from capture.resources import query

Connection = psycopg.Connection[tuple[Any, ...]]

_PATIENCE = 5.0
"""Seconds that a request waits for a free connection: then it is told that the log is busy."""

_IDLE = 300.0
_LIFE = 3600.0


class Database:
    """The connections. Nothing connects before the first request, so that the page starts and says what is wrong."""

    def __init__(self, address: str, *, size: int) -> None:
        self._pool: ConnectionPool[Connection] | None = None
        self._address = address
        self._size = size
        self._lock = threading.Lock()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Give a connection that commits every statement by itself. Raises psycopg.OperationalError where there is none."""
        with self._opened().connection() as conn:
            yield conn

    @contextmanager
    def read(self, conn: Connection, seconds: float) -> Iterator[None]:
        """Read in one transaction, which sees one state of the log, writes nothing, and ends after so many seconds."""
        conn.read_only, conn.isolation_level = True, IsolationLevel.REPEATABLE_READ
        try:
            with conn.transaction():
                _limit(conn, seconds)
                yield
        finally:
            if not conn.closed:
                conn.read_only, conn.isolation_level = None, None

    @contextmanager
    def write(self, conn: Connection, seconds: float) -> Iterator[None]:
        """Write in one transaction."""
        with conn.transaction():
            _limit(conn, seconds)
            yield

    def close(self) -> None:
        """Close all connections; the next request opens new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def _opened(self) -> ConnectionPool[Connection]:
        with self._lock:
            if self._pool is None:
                self._pool = ConnectionPool(
                    self._address,
                    kwargs={"autocommit": True},
                    min_size=0,
                    max_size=self._size,
                    timeout=_PATIENCE,
                    max_idle=_IDLE,
                    max_lifetime=_LIFE,
                    check=ConnectionPool.check_connection,
                    name="whochanged",
                    open=True,
                )
            return self._pool


def _limit(conn: Connection, seconds: float) -> None:
    """End statements, and a transaction that nobody goes on with, after so many seconds."""
    conn.execute(query("web_limits"), {"milliseconds": str(int(seconds * 1000))})
