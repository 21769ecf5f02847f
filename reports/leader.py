"""One leader among many processes: whoever holds the advisory lock (`LOCKS`, `LEADER`) in capture/upkeep.py does the jobs.

The lock belongs to the session, so the server takes it from a leader that dies, and gives it to the next that asks. The jobs run
on the same connection: a leader that lost its lock cannot go on working.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import psycopg
from psycopg import errors

from capture.migrate import require_current
from capture.resources import query
from capture.upkeep import LEADER, LOCKS, become_owner, one, require_direct
from reports.runs import mark_interrupted

_KEEPALIVE = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "client_connection_check_interval": "2s",
}
"""So that the server notices within seconds that our machine is gone, also while it works for us, and frees our locks."""


def prepare(conn: psycopg.Connection[Any]) -> None:
    """Make a connection fit for leading: for the rest of its life it acts as the owner of the log.

    Raises ConfigurationError for a pooler and for a database of another version, DatabaseError where rights are missing.
    """
    require_direct(conn)
    become_owner(conn)
    require_current(conn)
    for name, value in _KEEPALIVE.items():
        with suppress(errors.InvalidParameterValue):  # not every system can do it
            conn.execute(query("set_setting"), (name, value))


def try_to_lead(conn: psycopg.Connection[Any]) -> bool:
    """Ask for the lead once; False where another process has it.

    Asked again and again instead of waited for: a session that waits holds a snapshot, for which a purge would wait.
    """
    return bool(one(conn, query("try_lock"), (LOCKS, LEADER)))


def still_leads(conn: psycopg.Connection[Any]) -> bool:
    """Whether our session still holds the lead."""
    return bool(one(conn, query("lock_held"), (LOCKS, LEADER)))


def take_over(conn: psycopg.Connection[Any]) -> list[str]:
    """Do what a new leader does first: note the cluster, and the runs that were broken off, which are returned in words."""
    conn.execute(query("note_incarnation"))
    return [f"{job} due {due:%Y-%m-%d %H:%M} was broken off" for job, due in mark_interrupted(conn)]
