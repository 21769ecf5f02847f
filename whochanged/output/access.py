"""Accounts of the page and tokens of the API, for terminals and for programs."""

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

    from reports.web.signin.users import User
    from reports.web.tokens import Token


def user_document(user: User) -> dict[str, Any]:
    """The account under its public names; `accounts` is null for an Admin, who sees all."""
    return {
        "name": user.name,
        "full_name": user.full_name,
        "role": user.role,
        "accounts": None if user.accounts is None else list(user.accounts),
        "may_export": user.may_export,
        "timezone": user.timezone,
        "disabled": user.disabled,
        "added_at": None if user.added_at is None else utc(user.added_at),
        "password_set_at": None if user.password_set_at is None else utc(user.password_set_at),
    }


def token_document(token: Token) -> dict[str, Any]:
    """The token under its public names, never the token itself; `accounts` is null where it sees all."""
    times = {
        name: None if at is None else utc(at)
        for name, at in (
            ("added_at", token.added_at),
            ("expires_at", token.expires_at),
            ("last_used_at", token.last_used_at),
            ("revoked_at", token.revoked_at),
        )
    }
    accounts = None if token.accounts is None else list(token.accounts)
    return {"name": token.name, "scopes": list(token.scopes), "accounts": accounts, **times}


def print_users(console: Console, users: Iterable[User]) -> None:
    """Print a line for each account: who, what they see, and whether they may export and sign in."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for user in users:
        who = Text(neutral(user.name), style="bold")
        if user.full_name:
            who.append(f" ({neutral(user.full_name)})", style="not bold dim")
        state = Text("disabled", style="yellow") if user.disabled else Text("may sign in", style="green")
        exports = "" if user.may_export else "no export"
        role = "Admin" if user.accounts is None else "Account Admin"
        grid.add_row(who, Text(f"{role}, {_sees(user.accounts)}"), Text(exports), state)
    console.print(grid)


def print_tokens(console: Console, tokens: Iterable[Token], zone: tzinfo, now: datetime) -> None:
    """Print a line for each token: what it may, until when, and when it was used last."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for token in tokens:
        used = "never used" if token.last_used_at is None else f"used {_moment(token.last_used_at, zone)}"
        what = f"{' and '.join(token.scopes)}, {_sees(token.accounts)}"
        grid.add_row(
            Text(neutral(token.name), style="bold"), Text(what), _state(token, zone, now), Text(used, style="dim")
        )
    console.print(grid)


def _state(token: Token, zone: tzinfo, now: datetime) -> Text:
    if token.revoked_at is not None:
        return Text(f"revoked {_moment(token.revoked_at, zone)}", style="dim")
    if token.expires_at <= now:
        return Text(f"ended {_moment(token.expires_at, zone)}", style="yellow")
    return Text(f"until {_moment(token.expires_at, zone)}", style="green")


def _sees(accounts: tuple[str, ...] | None) -> str:
    if accounts is None:
        return "all accounts"
    return neutral(f"account{'s' if len(accounts) > 1 else ''} {', '.join(accounts)}")


def _moment(at: datetime, zone: tzinfo) -> str:
    local = at.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M} {local.tzname() or 'UTC'}"
