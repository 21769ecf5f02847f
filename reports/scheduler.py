"""The scheduler: looks again and again whether a job is due, and does it, as long as this process leads.

APScheduler says when to look; what is due, and what ran, the database knows (its clock, and audit.job_run). So a run that was
missed is made up for at the next look, whatever the reason, and no clock but the database's counts.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

import psycopg
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from capture.errors import ConfigurationError, DatabaseError, WhochangedError
from capture.migrate import require_current
from reports import jobs
from reports.alerts import job as alerts
from reports.digest.cut import Cut
from reports.leader import prepare, still_leads, take_over, try_to_lead
from reports.outbox import Outcome
from reports.runs import Job, failed_at_once, mark_interrupted, said

Connect = Callable[[], psycopg.Connection[Any]]

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds between tries to reach a database that is away: the first, doubled up to the last, until a connection lasts."""

INDEX_LOOK = 2.0
"""Seconds between looks for what the index of entries lacks, at most: readers put it into words one by one. A look takes 20 ms."""

INDEX_PATIENCE = 20.0
"""After so many seconds of indexing the other jobs have their turn; a day that is begun is finished."""

_log = logging.getLogger(__name__)


class Scheduler:
    """Does the jobs of one database until it is stopped; several may stand by for one that leads.

    *connect* opens a connection that commits each statement. Without *mailing* no digests are cut, without *alerting* nothing is told
    at once. *look* is the number of seconds between looks for what is due, *alert_look* that between looks for what is sensitive and new,
    *beat* that between signs of life, and between tries to lead.
    """

    def __init__(
        self,
        connect: Connect,
        mailing: jobs.Mailing | None,
        alerting: alerts.Alerting | None = None,
        *,
        look: float = 60.0,
        alert_look: float = 10.0,
        beat: float = 2.0,
    ) -> None:
        self._connect = connect
        self._mailing = mailing
        self._alerting = alerting
        self._look = look
        self._alert_look = alert_look
        self._beat = beat
        self._stopping = False
        self._lost: BaseException | None = None
        # Its put() may be called by a signal handler, which an Event's set() must not be.
        self._wake: SimpleQueue[None] = SimpleQueue()

    def stop(self) -> None:
        """End `run` once the job that runs now is done; one that sends digests ends with the mail that is under way.

        May be called by a signal handler, and from any thread.
        """
        self._stopping = True
        self._wake.put(None)

    def run(self) -> None:
        """Work until `stop`, through all that happens to the database. Raises ConfigurationError when it has another version.

        Whatever else goes wrong is logged, and written down where it concerns a job; then it goes on.
        """
        pause = FIRST_PAUSE
        while not self._stopping:
            began = time.monotonic()
            try:
                with closing(self._connect()) as conn:
                    prepare(conn)
                    self._stand_by(conn)
            except ConfigurationError:
                raise
            except Exception as error:  # noqa: BLE001 - logged, with its place where we did not foresee it
                if time.monotonic() - began > LONGEST_PAUSE:
                    pause = FIRST_PAUSE
                facts = {"event": "lost", "error": said(error), "pause_seconds": pause}
                _log.warning(
                    "%s; trying again in %.0f s", said(error), pause, exc_info=not _foreseen(error), extra=facts
                )
                self._wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
        _log.info("stopped", extra={"event": "stopped"})

    def _stand_by(self, conn: psycopg.Connection[Any]) -> None:
        """Lead as soon as nobody else does."""
        told = False
        while not self._stopping:
            if try_to_lead(conn):
                self._lead(conn)
                return
            if not told:
                _log.info("standing by: another process leads", extra={"event": "standing_by"})
                told = True
            self._wait(self._beat)

    def _lead(self, conn: psycopg.Connection[Any]) -> None:
        """Look for what is due until we are stopped or lose the connection, whose error is then raised."""
        require_current(conn)
        _log.info("leading", extra={"event": "leading"})
        for line in take_over(conn):
            _log.warning("%s", line, extra={"event": "interrupted"})
        self._lost = None
        with ExitStack() as own:
            self._work(conn, own)
        if self._lost is not None:
            raise self._lost

    def _work(self, conn: psycopg.Connection[Any], own: ExitStack) -> None:
        """Look for what is due until we are stopped or lose a connection. *own* closes those that are opened here."""
        # One thread: the jobs share a connection, and none is in a hurry. Alerts are: each of their ways has a thread and a connection
        # of its own, so that none waits for digests, for a purge, or for the other.
        hurried = self._hurried()
        worker = BackgroundScheduler(
            timezone=UTC,
            executors={name: ThreadPoolExecutor(max_workers=1) for name in ("default", *hurried)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        now = datetime.now(UTC)
        for name, look in self._looks(conn).items():
            work = partial(self._guarded, conn, look)
            # Readers look at what is not indexed yet one by one.
            seconds = min(self._look, INDEX_LOOK) if name == "index" else self._look
            worker.add_job(work, "interval", seconds=seconds, next_run_time=now, id=name)
        for name, hurry in hurried.items():
            apart = own.enter_context(closing(self._connect()))
            prepare(apart)
            work = partial(self._guarded, None, partial(hurry, apart))
            worker.add_job(work, "interval", seconds=self._alert_look, next_run_time=now, id=name, executor=name)
        beat = partial(self._guarded, conn, lambda: None)
        worker.add_job(beat, "interval", seconds=self._beat, id="beat")
        worker.start()
        try:
            while not self._stopping and self._lost is None:
                self._wait(LONGEST_PAUSE)
        finally:
            worker.shutdown(wait=True)

    def _hurried(self) -> Mapping[alerts.Way, Callable[[psycopg.Connection[Any]], None]]:
        """Return the ways of alerts that there are, each with its work."""
        alerting = self._alerting
        if alerting is None:
            return {}
        return {way: partial(_hurry, way, alerting, self._stopped) for way in alerting.ways}

    def _looks(self, conn: psycopg.Connection[Any]) -> Mapping[str, Callable[[], None]]:
        found: dict[str, Callable[[], None]] = {
            "partitions": partial(self._daily, conn, "partitions", _partitions),
            "purge": partial(self._daily, conn, "purge", _purge),
        }
        found["index"] = partial(_logged, conn, "index", partial(_index, conn, self._stopped))
        if self._mailing is not None:
            found["digest"] = partial(_logged, conn, "digest", partial(_digest, conn, self._mailing, self._stopped))
        return found

    def _daily(self, conn: psycopg.Connection[Any], job: Job, work: Callable[..., Mapping[str, int] | None]) -> None:
        require_current(conn)
        _logged(conn, job, partial(_if_due, conn, job, work))

    def _guarded(self, conn: psycopg.Connection[Any] | None, work: Callable[[], None]) -> None:
        """Do the work if *conn* leads, unless we are at the end; what it raises ends the lead.

        Without *conn* another thread sees to the lead: the places and leases of alerts keep two that work at once apart.
        """
        if self._stopping or self._lost is not None:
            return
        try:
            if conn is not None and not still_leads(conn):
                raise DatabaseError("the lead was lost")  # noqa: TRY301 - ends the lead like all that is raised here
            work()
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that leads
            self._lost = error
            self._wake.put(None)

    def _stopped(self) -> bool:
        return self._stopping

    def _wait(self, seconds: float) -> None:
        """Wait, at most until somebody stops us."""
        if self._stopping:
            return
        with suppress(Empty):
            self._wake.get(timeout=seconds)


def _logged(conn: psycopg.Connection[Any], job: str, work: Callable[[], Mapping[str, int] | None]) -> None:
    """Do a job and say in one line what came of it. A job that fails is no reason to end; a lost connection is."""
    began = time.monotonic()
    try:
        numbers = work()
    except Exception as error:
        if conn.closed:
            raise
        facts: dict[str, Any] = {
            "event": "job_failed",
            "job": job,
            "error": said(error),
            "duration_seconds": _since(began),
        }
        _log.error("%s failed: %s", job, said(error), exc_info=not _foreseen(error), extra=facts)
        return
    if numbers is not None:
        words = ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in numbers.items())
        facts = {
            "event": "job_done",
            "job": job,
            "duration_seconds": _since(began),
            "numbers": dict(numbers),
        }
        _log.info("%s done in %.1f s: %s", job, _since(began), words, extra=facts)


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)


def _hurry(way: alerts.Way, alerting: alerts.Alerting, stop: Callable[[], bool], conn: psycopg.Connection[Any]) -> None:
    _logged(conn, way, partial(alerts.look, conn, way, alerting, stop))


def _foreseen(error: Exception) -> bool:
    """Whether we foresaw that this may happen; what we did not is told with the place where it happened."""
    return isinstance(error, WhochangedError | psycopg.Error)


def _if_due(
    conn: psycopg.Connection[Any], job: Job, work: Callable[..., Mapping[str, int] | None]
) -> Mapping[str, int] | None:
    """Do the work of a daily job where it is due; that this cannot be told is a failure of the job, and written down."""
    try:
        mark_interrupted(conn)
        due = jobs.due_now(conn, job)
    except Exception as error:
        if not conn.closed:
            failed_at_once(conn, job, error)
        raise
    return None if due is None else work(conn, due)


def _partitions(conn: psycopg.Connection[Any], due: datetime) -> Mapping[str, int] | None:
    report = jobs.partitions_job(conn, due=due)
    return None if report is None else jobs.partition_numbers(report)


def _purge(conn: psycopg.Connection[Any], due: datetime) -> Mapping[str, int] | None:
    report = jobs.purge_job(conn, due=due)
    if report is None:
        return None
    for line in (*report.postponed, *report.notes):
        _log.warning("purge: %s", line, extra={"event": "purge_note", "job": "purge"})
    return jobs.purge_numbers(report)


def _index(conn: psycopg.Connection[Any], stopped: Callable[[], bool]) -> Mapping[str, int] | None:
    """Index what is new, and as many days as there is time for; told where that were any."""
    end = time.monotonic() + INDEX_PATIENCE
    report = jobs.index_job(conn, stop=lambda: stopped() or time.monotonic() > end)
    return {"days": report.days, "entries": report.filled} if report is not None and report.days else None


def _digest(conn: psycopg.Connection[Any], mailing: jobs.Mailing, stop: Callable[[], bool]) -> Mapping[str, int] | None:
    report = jobs.digest_job(conn, mailing, stop=stop, tell=_told)
    return None if report is None else jobs.digest_numbers(report)


def _told(what: Cut | Outcome) -> None:
    """Log what became of a digest or a mail by its numbers: neither addresses nor what it says."""
    if isinstance(what, Cut):
        facts = {
            "event": "digest_cut",
            "job": "digest",
            "digest": what.id,
            "entries": what.entries,
            "mailed": what.mailed,
        }
        _log.info(
            "digest %d cut: entries %d%s", what.id, what.entries, "" if what.mailed else ", not mailed", extra=facts
        )
        return
    facts = {
        "event": f"mail_{what.state}",
        "job": "digest",
        "digest": what.digest_id,
        "recipient": what.recipient_id,
        "tries": what.tries,
    }
    words = "mail of digest %d to recipient %d: %s, tries %d"
    _log.log(
        logging.INFO if what.state == "sent" else logging.WARNING,
        words,
        what.digest_id,
        what.recipient_id,
        what.state,
        what.tries,
        extra=facts,
    )
