"""All the checks of `whochanged status`, made at once, for the command and for the page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import psycopg
from psycopg import errors

from capture.catalogue import Catalogue
from capture.catalogue.fitting import fit
from capture.catalogue.installing import installed_catalogue
from capture.coverage import coverage, health, outdated_objects, reconciled, strays, unseen_ddl, upkeep
from capture.definitions import comparable_views
from capture.errors import DatabaseError
from capture.events import watch
from capture.index.build import missing
from capture.index.state import LONGEST_TAIL
from capture.migrate import program_version, require_current
from capture.rights import weaknesses
from reports.alerts.state import alert_state
from reports.clock import clock
from reports.findings import IndexLag, Report
from reports.health import health as look
from reports.recipients import Recipient, read


def inspect(conn: psycopg.Connection[Any], *, differing_settings: Sequence[str] = ()) -> Report:
    """Return all that the checks find; `differing_settings` says what of a program's own settings the database has otherwise.

    Raises DatabaseError where the log is kept and nothing is recorded any more.
    """
    try:
        tables, state, outdated = coverage(conn), health(conn), outdated_objects(conn)
        stray = strays(conn)
    except (errors.UndefinedFunction, errors.UndefinedTable) as error:
        conn.rollback()
        require_current(conn)
        message = "the log is kept, but nothing is recorded any more: run  whochanged install  to go on"
        raise DatabaseError(message) from error
    looked_after, runs = upkeep(conn) or (None, [])
    current = state.installed_version == program_version()
    everyone = read(conn) if looked_after and current else []
    served = [one for one in everyone if one.held is None]
    return Report(
        tables=tables,
        health=state,
        outdated=outdated,
        program_version=program_version(),
        differing_settings=differing_settings,
        upkeep=looked_after,
        runs=runs,
        overdue=_overdue(conn, served),
        readers=len(served),
        bounced=[(one.email, one.bounce or "no answer") for one in everyone if one.held == "bounced"],
        no_admins=[one.email for one in everyone if one.held == "no_admin"],
        strays=stray,
        # An older version gave other rights and kept its catalogue in another way: installing comes first.
        fit=fit(conn) if current else None,
        weaknesses=weaknesses(conn) if current else [],
        service=look(conn) if current else None,
        ddl=watch(conn),
        reconciled=reconciled(conn),
        alerts=alert_state(conn) if current else None,
        unseen_ddl=unseen_ddl(conn) if current else {},
        views_compared=comparable_views(conn),
        index=_index(conn) if current else None,
    )


def _index(conn: psycopg.Connection[Any]) -> IndexLag:
    """Return how far the index of entries is behind, in the words of the installed catalogue."""
    days, new = missing(conn, installed_catalogue(conn) or Catalogue(name="none"), limit=LONGEST_TAIL + 1)
    return IndexLag(len(days), min(new, LONGEST_TAIL), new > LONGEST_TAIL)


def _overdue(conn: psycopg.Connection[Any], served: Sequence[Recipient]) -> list[str]:
    """Return the addresses whose digests have been due for an hour and were not cut."""
    before = clock(conn) - timedelta(hours=1)
    return [one.email for one in served if one.due(before) is not None]
