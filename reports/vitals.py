"""What the health is made of, and from when on something is late: data, and nothing that asks for it (reports/health.py)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

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

    def __str__(self) -> str:
        place = f"user {self.database_user}, database {self.database}"
        if self.kind == "prepared":
            return f"prepared transaction '{self.gid}', {place}"
        facts = (f"process {self.pid}", place, self.application or self.backend_type, self.state)
        return ", ".join(fact for fact in facts if fact)


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
    whose digest has been due for an hour and was not cut. `bounced` are those whose mails come back; they and the paused are
    no `readers`.
    """

    readers: int
    bounced: int
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
