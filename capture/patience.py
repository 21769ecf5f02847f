"""Changing tables that are in use: wait for their locks for a moment only, so that no writer stands behind us, and try again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus

from capture.errors import DatabaseError
from capture.resources import query

LOCK_TIMEOUT = "2s"
ATTEMPTS = 5
BUSY = (errors.LockNotAvailable, errors.DeadlockDetected)


def patiently(conn: psycopg.Connection[Any], work: Callable[[], object]) -> None:
    """Do *work* in a transaction of its own that waits for each lock two seconds at most; five times where it must.

    Inside a transaction of the caller it is done once, as part of that. Raises DatabaseError where the database stays busy.
    """
    if conn.info.transaction_status != TransactionStatus.IDLE:
        work()
        return
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with conn.transaction():
                # Registering the rows of a table must see who changed it last, whatever is usual in this database.
                conn.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
                conn.execute(query("lock_timeout_here"), (LOCK_TIMEOUT,))
                work()
        except BUSY as error:
            if attempt == ATTEMPTS:
                raise busy(error) from error
            pause(attempt)
        else:
            return


def pause(attempt: int) -> None:
    """Let the writers go first, longer each time."""
    time.sleep(0.3 * attempt)


def busy(error: psycopg.Error) -> DatabaseError:
    """Say in one line that the database is busy and what to do."""
    said = (error.diag.message_primary or str(error)).splitlines()[0]
    return DatabaseError(f"the database is busy ({said}): try again when long transactions have ended")
