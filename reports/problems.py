"""What is amiss, judged by the figures of the health: each with a code that stays, and a line that says what to do."""

from __future__ import annotations

from capture.migrate import program_version
from reports.jobs import DAILY
from reports.vitals import ENOUGH_DAYS, LATE, JobHealth, LogHealth, MailHealth, Problem, WatermarkHealth


def of_the_log(log: LogHealth) -> list[Problem]:
    """Return what is amiss with the log itself."""
    found = []
    if log.installed_version != program_version():
        message = f"installed by version {log.installed_version}, this is {program_version()}: run  whochanged install"
        found.append(Problem("version", "warning", message))
    if log.days_ahead < ENOUGH_DAYS:
        message = f"there is room for {_count(log.days_ahead, 'day', 'days')} ahead only: run  whochanged partitions  every day"
        found.append(Problem("partitions", "critical" if log.days_ahead < 1 else "warning", message))
    if log.spilled_rows:
        message = f"{_count(log.spilled_rows, 'row lies', 'rows lie')} in the spill tables; nothing is lost: run  whochanged partitions"
        found.append(Problem("spill", "warning", message))
    if log.moved_to_another_cluster:
        message = "the database was restored into another cluster: run  whochanged install"
        found.append(Problem("cluster", "warning", message))
    if log.unrecorded:
        message = (
            f"{_count(log.unrecorded, 'statement', 'statements')} went through without any trace in the log: "
            "whochanged status  says more"
        )
        found.append(Problem("unrecorded", "critical", message))
    return found


def of_the_jobs(jobs: tuple[JobHealth, ...]) -> list[Problem]:
    """Return which jobs fail, or are not done."""
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


def of_the_mails(mail: MailHealth, stand: WatermarkHealth) -> list[Problem]:
    """Return what keeps readers from what they should know."""
    found = []
    held = stand.lag_seconds > LATE.total_seconds() and mail.readers > 0
    if held:
        message = f"a transaction has been open for {stand.lag_seconds / 3600:.1f} hours, and digests wait for it: " + (
            str(stand.holder) if stand.holder else "see pg_stat_activity and pg_prepared_xacts"
        )
        found.append(Problem("watermark", "critical", message))
    if mail.overdue:
        message = (
            f"{_count(len(mail.overdue), 'digest has', 'digests have')} been due for an hour and not been cut: "
            + ("see the line before" if held else "start  whochanged run,  or look what it printed")
        )
        found.append(Problem("digests_overdue", "critical", message))
    if mail.oldest_seconds is not None and mail.oldest_seconds > LATE.total_seconds():
        message = (
            f"{_count(mail.waiting, 'mail waits', 'mails wait')}, the oldest for {mail.oldest_seconds / 3600:.1f} hours: "
            "whochanged digest list  says why"
        )
        found.append(Problem("mails_late", "critical", message))
    if mail.bounced:
        message = f"the mails of {_count(mail.bounced, 'recipient', 'recipients')} come back: whochanged recipients list  shows whose"
        found.append(Problem("recipients_bounced", "warning", message))
    if mail.parked:
        message = f"{_count(mail.parked, 'mail was', 'mails were')} given up: whochanged digest list  shows what the mail server said"
        found.append(Problem("mails_parked", "warning", message))
    return found


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
