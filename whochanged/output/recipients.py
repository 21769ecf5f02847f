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


def recipient_document(recipient: Recipient, now: datetime) -> dict[str, Any]:
    """The recipient under its public names at the database's time; `next_due` is null while paused."""
    return {
        "email": recipient.email,
        "name": recipient.name,
        "timezone": recipient.timezone,
        "timezone_known": recipient.zone is not None,
        "cadence": recipient.cadence,
        "at": f"{recipient.send_at:%H:%M}",
        "weekday": WEEKDAYS[recipient.weekday - 1],
        "account": recipient.account,
        "modules": None if recipient.modules is None else list(recipient.modules),
        "when_empty": recipient.when_empty,
        "paused": recipient.paused,
        "added_at": utc(recipient.added_at),
        "told_until": utc(recipient.told_until),
        "next_due": None if recipient.paused else utc(recipient.next_due(now)),
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
    """When digests come: "daily at 07:00 Europe/Berlin"."""
    day = "daily" if recipient.cadence == "daily" else f"weekly on {WEEKDAYS[recipient.weekday - 1].capitalize()}"
    return f"{day} at {recipient.send_at:%H:%M} {neutral(recipient.timezone)}"


def what(recipient: Recipient) -> str:
    """What digests tell: "account 1: Territories, Workflows"."""
    scope = "all accounts" if recipient.account is None else f"account {recipient.account}"
    modules = "all modules" if recipient.modules is None else ", ".join(recipient.modules)
    empty = {"never": "", "weekly": "; a sign of life each week", "always": "; also without changes"}
    return neutral(f"{scope}: {modules}{empty[recipient.when_empty]}")


def _state(recipient: Recipient, now: datetime) -> Text:
    if recipient.paused:
        return Text("paused", style="yellow")
    if recipient.zone is None:
        return Text("unknown time zone: UTC is used", style="bold red")
    due = recipient.next_due(now).astimezone(recipient.schedule.zone)
    if due < now:
        return Text(f"due since {due:%Y-%m-%d %H:%M}", style="yellow")
    return Text(f"next {due:%Y-%m-%d %H:%M}", style="green")
