"""What `whochanged health` says: a line each for the jobs, the watermark, the mails and the log, then what is amiss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from whochanged.output.safety import neutral

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from reports.health import Health, JobHealth

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_STYLES = {"ok": "green", "warning": "yellow", "critical": "bold red"}


def print_health(console: Console, found: Health) -> None:
    """Print the health."""
    console.print(Text(found.status, style=_STYLES[found.status]))
    for name, value in _facts(found):
        console.print(Text(f"{name:12}{neutral(value)}"))
    for problem in found.problems:
        mark = "!" if problem.severity == "critical" else "-"
        console.print(Text(f"{mark} {neutral(problem.message)}", style=_STYLES[problem.severity]))


def age(seconds: float) -> str:
    """Return an age in its two largest units: "3 min 5 s", "26 h 4 min", "3 d 2 h"."""
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    for unit, name, smaller, below in ((_MINUTE, "min", 1, "s"), (_HOUR, "h", _MINUTE, "min"), (_DAY, "d", _HOUR, "h")):
        if whole < unit * (_MINUTE if unit == _MINUTE else 48) or unit == _DAY:
            return f"{whole // unit} {name} {whole % unit // smaller} {below}"
    raise AssertionError


def _facts(found: Health) -> Iterator[tuple[str, str]]:
    yield "scheduler", "at work" if found.leader_pid else "does not run"
    for job in found.jobs:
        yield job.job, _job(job)
    stand, mail, log = found.watermark, found.mail, found.log
    holder = stand.holder
    if holder is None:
        yield "watermark", "nothing holds it back"
    else:
        behind = f"{stand.lag_transactions:,} transactions behind for {age(stand.lag_seconds)}"
        yield "watermark", f"{behind}: {holder}"
    oldest = "" if mail.oldest_seconds is None else f", the oldest for {age(mail.oldest_seconds)}"
    yield "mails", f"{mail.waiting} waiting{oldest}; {mail.parked} given up; {len(mail.overdue)} digests overdue"
    yield "log", f"{log.log_bytes / 1e6:,.1f} MB, {log.days_ahead} days ahead, {log.spilled_rows} rows spilled"


def _job(job: JobHealth) -> str:
    done = "never done yet" if job.succeeded_at is None else f"done {age(job.seconds_since_success)} ago"
    return f"{done}; failed since: {job.error}" if job.failing else done
