"""Who gets digests, for terminals and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from reports.calendar import WEEKDAYS
from whochanged.output.machine import utc
from whochanged.output.safety import neutral

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from rich.console import Console

    from reports.recipients import Recipient

_LEAST = {"low": "", "normal": "; normal and high sensitivity", "high": "; high sensitivity alone"}
_EMPTY = {"never": "", "weekly": "; a sign of life each week", "always": "; also without changes"}


def recipient_document(recipient: Recipient, now: datetime) -> dict[str, Any]:
    """The recipient under its public names at the database's time; `next_due` is null while nothing is mailed."""
    return {
        "email": recipient.email,
        "name": recipient.name,
        "timezone": recipient.timezone,
        "timezone_known": recipient.zone is not None,
        "language": recipient.language,
        "cadence": recipient.cadence,
        "at": f"{recipient.send_at:%H:%M}",
        "weekday": WEEKDAYS[recipient.weekday - 1],
        "accounts": None if recipient.accounts is None else list(recipient.accounts),
        "modules": None if recipient.modules is None else list(recipient.modules),
        "sensitivity": recipient.sensitivity,
        "when_empty": recipient.when_empty,
        "alerts": recipient.alerts,
        "held": recipient.held,
        "paused": recipient.paused,
        "paused_reason": recipient.paused_reason,
        "bounced_at": _utc(recipient.bounced_at),
        "bounce": recipient.bounce,
        "no_admin_since": _utc(recipient.no_admin_since),
        "added_at": utc(recipient.added_at),
        "told_until": utc(recipient.told_until),
        "next_due": None if recipient.held else utc(recipient.next_due(now)),
        "last_serial": recipient.serial or None,
    }


def print_recipients(console: Console, recipients: Iterable[Recipient], now: datetime) -> None:
    """Print a line for each recipient: who, when, what, and since or from when the next digest is due."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(4):
        grid.add_column(overflow="fold")
    for recipient in recipients:
        who = Text(neutral(recipient.email), style="bold")
        if recipient.name:
            who.append(f" ({neutral(recipient.name)})", style="not bold dim")
        grid.add_row(who, Text(when(recipient)), Text(what(recipient), style="dim"), _state(recipient, now))
    console.print(grid)


def when(recipient: Recipient) -> str:
    """When digests come: "daily at 07:00 Europe/Berlin", "hourly, Asia/Kathmandu"."""
    if recipient.cadence == "hourly":
        return f"hourly, {neutral(recipient.timezone)}"
    day = "daily" if recipient.cadence == "daily" else f"weekly on {WEEKDAYS[recipient.weekday - 1].capitalize()}"
    return f"{day} at {recipient.send_at:%H:%M} {neutral(recipient.timezone)}"


def what(recipient: Recipient) -> str:
    """What digests tell: "account 1: Territories, Workflows; high sensitivity alone; no alerts"."""
    accounts = recipient.accounts
    scope = "all accounts" if accounts is None else f"account{'' if len(accounts) == 1 else 's'} {', '.join(accounts)}"
    modules = "all modules" if recipient.modules is None else ", ".join(recipient.modules)
    alerts = "" if recipient.alerts else "; no alerts"
    return neutral(f"{scope}: {modules}{_LEAST[recipient.sensitivity]}{_EMPTY[recipient.when_empty]}{alerts}")


def held_words(recipient: Recipient) -> str | None:
    """Why nothing is mailed to the recipient now: "paused: on leave", "mails come back: 550 no such user"; None where it is."""
    if recipient.held == "paused":
        return f"paused: {recipient.paused_reason}" if recipient.paused_reason else "paused"
    if recipient.held == "bounced":
        return f"mails come back: {recipient.bounce}"
    return "not allowed by the query of admins" if recipient.held else None


def _state(recipient: Recipient, now: datetime) -> Text:
    if held := held_words(recipient):
        return Text(neutral(held), style="yellow" if recipient.held == "paused" else "bold red")
    if recipient.zone is None:
        return Text("unknown time zone: UTC is used", style="bold red")
    due = recipient.next_due(now).astimezone(recipient.schedule.zone)
    if due < now:
        return Text(f"due since {due:%Y-%m-%d %H:%M}", style="yellow")
    return Text(f"next {due:%Y-%m-%d %H:%M}", style="green")


def _utc(at: datetime | None) -> str | None:
    return None if at is None else utc(at)
