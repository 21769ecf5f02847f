"""What the scheduler and its commands did, in audit.job_run: one row for each run, and never two for one that was due.

A run holds an advisory lock while it is at work; one that is called running and holds none was broken off with its process.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

import psycopg
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from capture.resources import query
from capture.upkeep import RUNS, acting_as_owner
from reports.clock import clock

Job = Literal["partitions", "purge", "digest", "alerts", "webhook"]
T = TypeVar("T")

_LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has begun: its number, and when it was due by the database's clock."""

    id: int
    due: datetime


def record(
    conn: psycopg.Connection[Any],
    job: Job,
    work: Callable[[], T],
    numbers: Callable[[T], Mapping[str, int]],
    *,
    due: datetime | None = None,
) -> T | None:
    """Do the *work* of a job, write down that it ran, and return what it returned; None where that run is written down already.

    *numbers* tells the result in numbers. Without *due* it is due now. What the work raises is written down and raised again.
    *conn* must be in no transaction.
    """
    with acting_as_owner(conn):
        mark_interrupted(conn)
        run = begin(conn, job, due)
        if run is None:
            return None
        try:
            result = work()
        except BaseException as error:
            if not conn.closed:
                finish(conn, run, error=error)
            raise
        finish(conn, run, numbers(result))
        return result


def begin(conn: psycopg.Connection[Any], job: Job, due: datetime | None = None) -> Run | None:
    """Write down that a run begins; None where it is written down already."""
    who = {"host": socket.gethostname(), "pid": os.getpid(), "runs": RUNS}
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query("job_begin"), {"job": job, "due": due, **who}).fetchone()
    return None if row is None else Run(row[0], row[1])


def finish(
    conn: psycopg.Connection[Any],
    run: Run,
    numbers: Mapping[str, int] | None = None,
    *,
    error: BaseException | None = None,
) -> None:
    """Write down how a run ended: done, or with *error* failed, or interrupted by somebody who wanted it to end."""
    conn.execute(query("job_finish"), {"id": run.id, "runs": RUNS, **_ended(numbers or {}, error)})


@contextmanager
def running(conn: psycopg.Connection[Any], job: Job, numbers: Mapping[str, int]) -> Iterator[None]:
    """Write down a run that is due now: that it begins, and how it ended, with *numbers* as they are then."""
    run = begin(conn, job)
    assert run is not None  # noqa: S101 - it is due at this very moment, as no other is
    try:
        yield
    except BaseException as error:
        if not conn.closed:
            finish(conn, run, numbers, error=error)
        raise
    finish(conn, run, numbers)


@contextmanager
def noting(conn: psycopg.Connection[Any], job: Job, numbers: Mapping[str, int]) -> Iterator[None]:
    """Write down a run like `running`, but only when it has ended: that holds no lock of a session, which a pooler would keep."""
    began = clock(conn)
    try:
        yield
    except BaseException as error:
        if not conn.closed:
            _note(conn, job, began, numbers, error)
        raise
    _note(conn, job, began, numbers)


def failed_at_once(conn: psycopg.Connection[Any], job: Job, error: BaseException) -> None:
    """Write down a run that failed; where the last one failed for the same reason, it is counted there."""
    if conn.execute(query("job_failed_again"), {"job": job, "error": said(error)}).rowcount == 0:
        _note(conn, job, clock(conn), {}, error)


def looked(conn: psycopg.Connection[Any], job: Job) -> None:
    """Write down that somebody looked whether there was something to do, and there was not; also where no run is known yet."""
    if conn.execute(query("job_looked"), {"job": job}).rowcount == 0:
        _note(conn, job, clock(conn), {})
        conn.execute(query("job_looked"), {"job": job})


def looked_often(conn: psycopg.Connection[Any], job: Job, *, seconds: float, idle: bool) -> None:
    """Do the same for a job that looks every few seconds: written down only once in so many.

    `idle` says that nothing waits for a later try either: then a last run that failed is over, and a good one is written down.
    """
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query("job_looked_lately"), {"job": job, "seconds": seconds}).fetchone()
    lately, failed = row or (False, False)
    if failed and idle:
        _note(conn, job, clock(conn), {})
    elif not lately:
        looked(conn, job)


def _note(
    conn: psycopg.Connection[Any],
    job: Job,
    began: datetime,
    numbers: Mapping[str, int],
    error: BaseException | None = None,
) -> None:
    who = {"host": socket.gethostname(), "pid": os.getpid()}
    conn.execute(query("job_note"), {"job": job, "began": began, **who, **_ended(numbers, error)})


def _ended(numbers: Mapping[str, int], error: BaseException | None) -> dict[str, Any]:
    outcome = "done" if error is None else "failed" if isinstance(error, Exception) else "interrupted"
    return {"outcome": outcome, "detail": Jsonb(dict(numbers)), "error": None if error is None else said(error)}


def mark_interrupted(conn: psycopg.Connection[Any]) -> list[tuple[str, datetime]]:
    """Write down which runs were broken off, their process being gone; return the job and the due time of each."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        return [(row[0], row[1]) for row in cursor.execute(query("job_interrupted"), {"runs": RUNS}).fetchall()]


def said(error: BaseException) -> str:
    """Return an error in one line that can be stored and printed."""
    text = getattr(getattr(error, "diag", None), "message_primary", None) or str(error) or type(error).__name__
    line = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "?" for letter in line)[:_LONGEST_ERROR]
