"""The three jobs that keep the log going: partitions, purge, digest. Each writes down its runs (reports/runs.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, time
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg

from capture.catalogue import Catalogue
from capture.catalogue.installing import installed_catalogue
from capture.errors import ConfigurationError
from capture.index.build import IndexReport, catch_up
from capture.migrate import DAYS_AHEAD
from capture.partitions import PartitionsReport, keep_partitions
from capture.resources import query
from capture.retention import PurgeReport, purge
from capture.upkeep import acting_as_owner, one
from reports.admins import ask
from reports.runs import Job, failed_at_once, looked, mark_interrupted, noting, record, running

if TYPE_CHECKING:
    from reports.digest.cut import Cut
    from reports.outbox import Outcome
    from reports.smtp import MailServer

DAILY: Mapping[Job, time] = {"partitions": time(0, 20), "purge": time(3, 10)}
"""When the daily jobs are due, in UTC."""


@dataclass(frozen=True, slots=True)
class Mailing:
    """What the digests need: the mail server, the From line, and the address of the web page for links."""

    server: MailServer
    sender: str
    base_url: str | None


@dataclass(frozen=True, slots=True)
class DigestReport:
    """What a run of the digests did: digests cut, and deliveries by what became of them."""

    cut: int
    sent: int
    retry: int
    parked: int


def due_now(conn: psycopg.Connection[Any], job: Job) -> datetime | None:
    """Return the due time of the run of a daily job that is to be made now, None when there is none, by the database's clock."""
    found: datetime | None = one(conn, query("job_due"), {"job": job, "at": DAILY[job]})
    return found


def partitions_job(
    conn: psycopg.Connection[Any], *, days: int = DAYS_AHEAD, due: datetime | None = None
) -> PartitionsReport | None:
    """Make the partitions of today and the next *days*, drain the spill tables; None where that run is made already."""
    return record(conn, "partitions", partial(keep_partitions, conn, days), partition_numbers, due=due)


def purge_job(conn: psycopg.Connection[Any], *, due: datetime | None = None) -> PurgeReport | None:
    """Remove what is older than the retention; None where that run is made already."""
    return record(conn, "purge", partial(purge, conn), purge_numbers, due=due)


def digest_job(
    conn: psycopg.Connection[Any], mailing: Mailing, *, stop: Callable[[], bool] | None = None
) -> DigestReport | None:
    """Cut the digests that are due and send what waits; None where there was nothing to do, which leaves no row of its own.

    A recipient that cannot be served does not keep the others from their mail: the error is raised after they are done.
    `stop` is asked before each mail: once it says yes, the others wait for the next run.
    """
    with acting_as_owner(conn):
        return _digests(conn, mailing, running, stop=stop)


def send_digests(
    conn: psycopg.Connection[Any], mailing: Mailing, *, now: bool = False, tell: Callable[[Cut | Outcome], None]
) -> DigestReport | None:
    """Do the same with the rights of the login, also through a pooler; the run is written down when it has ended.

    With `now`, also what is new and not due yet is cut, and what waits for its next try or is parked is tried. Each digest and
    each try is told to *tell* as soon as it is settled. *conn* must commit each statement.
    """
    return _digests(conn, mailing, noting, now=now, tell=tell)


def _digests(
    conn: psycopg.Connection[Any],
    mailing: Mailing,
    recording: Callable[[psycopg.Connection[Any], Job, Mapping[str, int]], AbstractContextManager[None]],
    *,
    now: bool = False,
    stop: Callable[[], bool] | None = None,
    tell: Callable[[Cut | Outcome], None] = lambda _: None,
) -> DigestReport | None:
    from reports.outbox import sending, waiting

    cut, trouble = 0, None
    try:
        ask(conn)
    except ConfigurationError as error:  # nothing may be cut or sent: however long that lasts, it is one row
        failed_at_once(conn, "digest", error)
        raise
    try:
        mark_interrupted(conn)
        for made in _cutting(conn, mailing, now=now):
            cut += 1
            tell(made)
    except Exception as error:  # whatever it is: what was cut is sent, and the run is written down
        if conn.closed:
            raise
        trouble = error
    if not cut and not waiting(conn, at_once=now):
        if trouble is not None:
            failed_at_once(conn, "digest", trouble)
            raise trouble
        looked(conn, "digest")
        return None
    numbers: Counter[str] = Counter(cut=cut, sent=0, retry=0, parked=0)
    with recording(conn, "digest", numbers):
        for outcome in sending(conn, mailing.server, at_once=now, stop=stop):
            numbers[outcome.state] += 1
            tell(outcome)
        if trouble is not None:
            raise trouble
    return DigestReport(**numbers)


def _cutting(conn: psycopg.Connection[Any], mailing: Mailing, *, now: bool) -> Iterator[Cut]:
    from reports.digest.cut import MailSettings, cutting

    catalogue = installed_catalogue(conn)
    product = conn.info.dbname if catalogue is None else catalogue.name
    settings = MailSettings(mailing.sender, mailing.base_url, product)
    return cutting(conn, catalogue or Catalogue(name="none"), settings, now=now)


def index_job(conn: psycopg.Connection[Any], *, stop: Callable[[], bool] | None = None) -> IndexReport | None:
    """Bring the index of entries up to date; None where another process does so. No row tells of it: it is done all the time."""
    return catch_up(conn, installed_catalogue(conn) or Catalogue(name="none"), stop=stop or (lambda: False))


def partition_numbers(report: PartitionsReport) -> dict[str, int]:
    """Return what audit.job_run keeps of a run of the partitions."""
    return {
        "made": len(report.made),
        "moved_changes": report.moved_changes,
        "moved_transactions": report.moved_transactions,
        "covered": len(report.covered),
    }


def purge_numbers(report: PurgeReport) -> dict[str, int]:
    """Return what audit.job_run keeps of a purge."""
    return {
        "days": len(report.days),
        "changes": report.changes,
        "bytes": report.bytes,
        "digests": report.digests,
        "runs": report.runs,
        "postponed": len(report.postponed),
    }


def digest_numbers(report: DigestReport) -> dict[str, int]:
    """Return what audit.job_run keeps of a run of the digests."""
    return {"cut": report.cut, "sent": report.sent, "retry": report.retry, "parked": report.parked}
