"""Whether the service does its work, at a glance: cheap enough to be asked every few seconds, whatever the size of the log.

Nothing here reads the log's rows but by the ends of an index. Whether every table is watched as it should be takes a look
at every trigger: that is `capture.coverage`, and `whochanged status`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

import psycopg
from psycopg.rows import dict_row

from capture.migrate import program_version
from capture.resources import query
from capture.upkeep import LEADER, LOCKS
from capture.window import Watermark, watermark
from reports.digest.notes import waiting_since
from reports.jobs import DAILY
from reports.recipients import Recipient, read
from reports.runs import Job

ENOUGH_DAYS = 7
"""Partitions for fewer days ahead are too few."""

DAILY_LIMIT = timedelta(hours=26)
"""A daily job that has not succeeded for so long did not run."""

LATE = timedelta(hours=1)
"""What has waited for so long, though it was due, is late: a digest, a mail, a transaction that holds back both."""

Severity = Literal["critical", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something amiss: a `code` that stays the same for programs, and a line for people that says what to do.

    "critical" is what loses, delays or hides something now; "warning" is what waits for a person and harms nothing else.
    """

    code: str
    severity: Severity
    message: str


@dataclass(frozen=True, slots=True)
class JobHealth:
    """A job: when it last did what it should (a look that found nothing to do counts), and when it does it next.

    `outcome` and `error` are of the last run; `failing` tells that nothing succeeded since it failed. Without any success
    `seconds_since_success` counts from the installation. `next_due_at` may lie in the past: then it is due. None without readers.
    """

    job: str
    outcome: Literal["running", "done", "failed", "interrupted"] | None
    error: str | None
    succeeded_at: datetime | None
    seconds_since_success: float
    next_due_at: datetime | None
    failing: bool
    overdue: bool


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose open transaction holds the watermark back; in any database of the cluster.

    `kind` is "session" or "prepared" (which has no process, but a `gid`: COMMIT or ROLLBACK PREPARED ends it). `state` and `since`
    are None where this login may not know them.
    """

    kind: Literal["session", "prepared"]
    pid: int | None
    gid: str | None
    database: str | None
    database_user: str | None
    application: str | None
    backend_type: str | None
    state: str | None
    since: datetime | None


@dataclass(frozen=True, slots=True)
class WatermarkHealth:
    """How far digests can see: all transactions below `xid` are finished.

    `lag_transactions` counts the numbers given out since, in the whole cluster; `lag_seconds` is how long the oldest open
    transaction has been open, 0 where none holds anything back. `waiting_since` is the time of the oldest change that is in the
    log and cannot be told yet, None where there is none.
    """

    incarnation: int
    xid: int
    lag_transactions: int
    lag_seconds: float
    waiting_since: datetime | None
    holder: Holder | None


@dataclass(frozen=True, slots=True)
class MailHealth:
    """Mails and digests: `waiting` deliveries (of them `retrying` were tried before), those `parked` for good, and who waits.

    `oldest_seconds` is since the oldest waiting mail was cut, None where none waits. `overdue` are the numbers of the recipients
    whose digest has been due for an hour and was not cut.
    """

    readers: int
    waiting: int
    retrying: int
    parked: int
    oldest_seconds: float | None
    next_try_at: datetime | None
    last_sent_at: datetime | None
    overdue: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LogHealth:
    """The log: days with partitions ahead, rows that were spilled (counted up to 20,000), its size, its oldest entry.

    `degraded` and `unrecorded` count the statements over available tables that could not be recorded in full, or not at all:
    the first ever since, the second since somebody set audit.unrecorded back.
    """

    installed_version: str | None
    days_ahead: int
    spilled_rows: int
    oldest_entry: datetime | None
    log_bytes: int
    degraded: int
    unrecorded: int
    moved_to_another_cluster: bool


@dataclass(frozen=True, slots=True)
class Health:
    """The service as it was `at` a moment of the database's clock. `leader_pid` is the scheduler's session, None where none leads."""

    at: datetime
    leader_pid: int | None
    jobs: tuple[JobHealth, ...]
    watermark: WatermarkHealth
    mail: MailHealth
    log: LogHealth
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing critical is amiss: what `/healthz` answers 200 for, and 503 else."""
        return all(problem.severity != "critical" for problem in self.problems)

    @property
    def status(self) -> Literal["ok", "warning", "critical"]:
        """The worst of what is amiss."""
        return "critical" if not self.ok else "warning" if self.problems else "ok"


def health(conn: psycopg.Connection[Any]) -> Health:
    """Return how the service is. Needs what `audit_reader` may; who holds back what is told in full to `pg_read_all_stats`.

    Raises psycopg's errors where the log is not there, or of another version.
    """
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query("health_log"), {"locks": LOCKS, "leader": LEADER}).fetchone()
        mail = cursor.execute(query("health_mail")).fetchone()
    assert row is not None  # noqa: S101 - both queries give one row
    assert mail is not None  # noqa: S101
    at, leader_pid, installed_at = row.pop("at"), row.pop("leader_pid"), row.pop("installed_at")
    log = LogHealth(**row)
    readers = [recipient for recipient in read(conn) if not recipient.paused]
    overdue = tuple(recipient.id for recipient in readers if recipient.due(at - LATE) is not None)
    oldest = mail.pop("oldest_cut_at")
    mails = MailHealth(
        readers=len(readers), overdue=overdue, oldest_seconds=None if oldest is None else _seconds(at - oldest), **mail
    )
    jobs, stand = _jobs(conn, at, installed_at, readers, overdue=bool(overdue)), _watermark(conn, at)
    problems = (*_of_the_log(log), *_of_the_jobs(jobs), *_of_the_mails(mails, stand))
    return Health(at, leader_pid, jobs, stand, mails, log, problems)


def document(found: Health) -> dict[str, Any]:
    """Return the health as a JSON object: times in ISO 8601 and UTC, ages in seconds."""
    told: dict[str, Any] = _plain({"status": found.status, "ok": found.ok, **asdict(found)})
    return told


def _jobs(
    conn: psycopg.Connection[Any], at: datetime, installed_at: datetime, readers: list[Recipient], *, overdue: bool
) -> tuple[JobHealth, ...]:
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query("health_jobs"), {"jobs": list(get_args(Job))}).fetchall()
    found = []
    for row in rows:
        job, done = row["job"], row["succeeded_at"]
        age = at - (done or installed_at)
        found.append(
            JobHealth(
                job=job,
                outcome=row["outcome"],
                error=row["error"],
                succeeded_at=done,
                seconds_since_success=_seconds(age),
                next_due_at=_next_due(job, at, readers),
                # A look is written down in whole seconds.
                failing=row["outcome"] == "failed"
                and (done is None or done < row["finished_at"].replace(microsecond=0)),
                overdue=age > DAILY_LIMIT if job in DAILY else job == "digest" and overdue,
            )
        )
    return tuple(found)


def _next_due(job: Job, at: datetime, readers: list[Recipient]) -> datetime | None:
    if job == "digest":
        return min((reader.next_due(at) for reader in readers), default=None)
    if job not in DAILY:
        return None
    slot = datetime.combine(at.astimezone(UTC).date(), DAILY[job], tzinfo=UTC)
    return slot if slot > at else slot + timedelta(days=1)


def _watermark(conn: psycopg.Connection[Any], at: datetime) -> WatermarkHealth:
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query("health_watermark")).fetchone()
    assert row is not None  # noqa: S101 - the query gives one row
    xid, ahead = row.pop("xid"), row.pop("ahead")
    incarnation = watermark(conn).incarnation
    since = waiting_since(conn, Watermark(incarnation, xid)) if ahead else None
    holder = Holder(**row) if row["kind"] is not None else None
    begin = holder.since if holder and holder.since else since
    return WatermarkHealth(incarnation, xid, ahead, _seconds(at - begin) if begin else 0.0, since, holder)


def _of_the_log(log: LogHealth) -> list[Problem]:
    found = []
    if log.installed_version != program_version():
        message = f"installed by version {log.installed_version}, this is {program_version()}: run  whochanged install"
        found.append(Problem("version", "warning", message))
    if log.days_ahead < ENOUGH_DAYS:
        message = f"there is room for {log.days_ahead} days ahead only: run  whochanged partitions  every day"
        found.append(Problem("partitions", "critical" if log.days_ahead < 1 else "warning", message))
    if log.spilled_rows:
        message = f"{log.spilled_rows:,} rows lie in the spill tables; nothing is lost: run  whochanged partitions"
        found.append(Problem("spill", "warning", message))
    if log.moved_to_another_cluster:
        message = "the database was restored into another cluster: run  whochanged install"
        found.append(Problem("cluster", "warning", message))
    if log.unrecorded:
        message = (
            f"{log.unrecorded:,} statements went through without any trace in the log: whochanged status  says more"
        )
        found.append(Problem("unrecorded", "critical", message))
    return found


def _of_the_jobs(jobs: tuple[JobHealth, ...]) -> list[Problem]:
    found = []
    for job in jobs:
        if job.failing:
            message = f"the last run of {job.job} failed: {job.error or 'without a reason'}"
            found.append(Problem(f"{job.job}_failed", "critical", message))
        # Of overdue digests the mails' own problem tells.
        if job.overdue and job.job in DAILY:
            hours = int(job.seconds_since_success // 3600)
            message = f"{job.job} has not been done for {hours} hours: start  whochanged run,  or let cron run the jobs"
            found.append(Problem(f"{job.job}_overdue", "critical", message))
    return found


def _of_the_mails(mail: MailHealth, stand: WatermarkHealth) -> list[Problem]:
    found = []
    held = stand.lag_seconds > LATE.total_seconds() and mail.readers > 0
    if held:
        message = f"a transaction has been open for {stand.lag_seconds / 3600:.1f} hours, and digests wait for it: {_who(stand.holder)}"
        found.append(Problem("watermark", "critical", message))
    if mail.overdue:
        message = f"{len(mail.overdue)} digests have been due for an hour and are not cut: " + (
            "see the line before" if held else "start  whochanged run,  or look what it printed"
        )
        found.append(Problem("digests_overdue", "critical", message))
    if mail.oldest_seconds is not None and mail.oldest_seconds > LATE.total_seconds():
        message = f"{mail.waiting} mails wait, the oldest for {mail.oldest_seconds / 3600:.1f} hours: whochanged digest list  says why"
        found.append(Problem("mails_late", "critical", message))
    if mail.parked:
        message = f"{mail.parked} mails were given up: whochanged digest list  shows what the mail server said"
        found.append(Problem("mails_parked", "warning", message))
    return found


def _who(holder: Holder | None) -> str:
    if holder is None:
        return "see pg_stat_activity and pg_prepared_xacts"
    place = f"user {holder.database_user}, database {holder.database}"
    if holder.kind == "prepared":
        return f"prepared transaction '{holder.gid}', {place}"
    return f"process {holder.pid}, {place}, {holder.application or holder.backend_type}"


def _seconds(age: timedelta) -> float:
    return round(max(age.total_seconds(), 0.0), 3)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
