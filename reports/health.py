"""Whether the service does its work, at a glance: cheap enough to be asked every few seconds, whatever the size of the log.

Nothing here reads the log's rows but by the ends of an index. Whether every table is watched as it should be takes a look
at every trigger: that is `capture.coverage`, and `whochanged status`.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import psycopg
from psycopg.rows import dict_row

from capture.resources import query
from capture.upkeep import LEADER, LOCKS
from capture.window import Watermark, watermark
from reports.digest.notes import waiting_since
from reports.jobs import DAILY
from reports.problems import of_the_jobs, of_the_log, of_the_mails
from reports.recipients import Recipient, read
from reports.runs import Job
from reports.vitals import (
    DAILY_LIMIT,
    LATE,
    Health,
    Holder,
    JobHealth,
    LogHealth,
    MailHealth,
    Problem,
    WatermarkHealth,
)

__all__ = [
    "Health",
    "Holder",
    "JobHealth",
    "LogHealth",
    "MailHealth",
    "Problem",
    "WatermarkHealth",
    "document",
    "health",
]


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
    everyone = read(conn)
    readers = [recipient for recipient in everyone if recipient.held is None]
    overdue = tuple(recipient.id for recipient in readers if recipient.due(at - LATE) is not None)
    oldest = mail.pop("oldest_cut_at")
    mails = MailHealth(
        readers=len(readers),
        bounced=sum(recipient.held == "bounced" for recipient in everyone),
        overdue=overdue,
        oldest_seconds=None if oldest is None else _seconds(at - oldest),
        **mail,
    )
    jobs, stand = _jobs(conn, at, installed_at, readers, overdue=bool(overdue)), _watermark(conn, at)
    problems = (*of_the_log(log), *of_the_jobs(jobs), *of_the_mails(mails, stand))
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


def _seconds(age: timedelta) -> float:
    return round(max(age.total_seconds(), 0.0), 3)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
