"""The three jobs that keep the log going: partitions, purge, digest. Each writes down its runs (reports/runs.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg

from capture.catalogue import Catalogue
from capture.catalogue.installing import installed_catalogue
from capture.errors import WhochangedError
from capture.migrate import DAYS_AHEAD
from capture.partitions import PartitionsReport, keep_partitions
from capture.resources import query
from capture.retention import PurgeReport, purge
from capture.upkeep import acting_as_owner, one
from reports.runs import Job, begin, failed_at_once, finish, looked, mark_interrupted, record

if TYPE_CHECKING:
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
    """Make the partitions of today and the next *days*, and drain the spill tables; None where that run is made already."""
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
    from reports.digest.cut import MailSettings, cutting
    from reports.outbox import sending, waiting

    with acting_as_owner(conn):
        mark_interrupted(conn)
        catalogue = installed_catalogue(conn)
        product = conn.info.dbname if catalogue is None else catalogue.name
        settings = MailSettings(mailing.sender, mailing.base_url, product)
        cut, trouble = 0, None
        try:
            for _ in cutting(conn, catalogue or Catalogue(name="none"), settings):
                cut += 1
        except (WhochangedError, psycopg.Error) as error:
            if conn.closed:
                raise
            trouble = error
        if not cut and not waiting(conn):
            if trouble is not None:
                failed_at_once(conn, "digest", trouble)
                raise trouble
            looked(conn, "digest")
            return None
        run = begin(conn, "digest")
        assert run is not None  # noqa: S101 - it is due at this very moment, as no other is
        became: Counter[str] = Counter()
        try:
            became.update(outcome.state for outcome in sending(conn, mailing.server, stop=stop))
        except BaseException as error:
            if not conn.closed:
                finish(conn, run, {"cut": cut, **became}, error=error)
            raise
        if trouble is not None:
            finish(conn, run, {"cut": cut, **became}, error=trouble)
            raise trouble
        report = DigestReport(cut, became["sent"], became["retry"], became["parked"])
        finish(conn, run, digest_numbers(report))
        return report


def partition_numbers(report: PartitionsReport) -> dict[str, int]:
    """Return what audit.job_run keeps of a run of the partitions."""
    return {
        "made": len(report.made),
        "moved_changes": report.moved_changes,
        "moved_transactions": report.moved_transactions,
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
