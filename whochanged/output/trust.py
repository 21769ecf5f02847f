"""Gateways and keys, for terminals and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from whochanged.output.machine import utc
from whochanged.output.safety import neutral

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, tzinfo

    from rich.console import Console

    from capture.trust import Trusted


def trusted_document(trusted: Trusted) -> dict[str, Any]:
    """The gateway or key under its public names; `since` is null where it was trusted all along, `until` while it is."""
    return {
        "name": trusted.name,
        "since": None if trusted.since is None else utc(trusted.since),
        "until": None if trusted.until is None else utc(trusted.until),
    }


def print_trusted(console: Console, found: Iterable[Trusted], zone: tzinfo) -> None:
    """Print a line for each: its name, and when it vouches."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for one in found:
        since = "always" if one.since is None else f"since {_moment(one.since, zone)}"
        until = (
            Text(since, style="green")
            if one.until is None
            else Text(f"{since}, until {_moment(one.until, zone)}", "dim")
        )
        grid.add_row(Text(neutral(one.name), style="bold"), until)
    console.print(grid)


def _moment(at: datetime, zone: tzinfo) -> str:
    local = at.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M} {local.tzname() or 'UTC'}"
