"""Tokens by which programs ask the API: table audit.web_token, under watch itself. Shown once; only their hash is kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import psycopg
from psycopg.rows import tuple_row

from capture.errors import UsageError
from capture.resources import query
from reports.addresses import checked_name
from reports.web.secrets import hashed, new_token
from reports.web.viewer import Viewer

Scope = Literal["read", "export"]

PREFIX = "wc_"
"""So that tools which look for leaked secrets know one when they see it."""

LONGEST_DAYS = 730


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret. `accounts` are those that it sees, None for all."""

    id: int
    name: str
    scopes: tuple[Scope, ...]
    accounts: tuple[str, ...] | None
    added_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


def add(
    conn: psycopg.Connection[Any],
    name: str,
    *,
    scopes: Iterable[Scope] = ("read",),
    accounts: Iterable[str] = (),
    days: int = 90,
) -> str:
    """Make a token and return it: it is shown this once. No accounts are all of them; it ends after so many days.

    Part of the caller's transaction. Raises UsageError for what cannot be meant, and for a name that another valid token has.
    """
    own = sorted({account.strip() for account in accounts})
    if "" in own:
        raise UsageError("the account is empty: leave --account out for all accounts")
    if not 1 <= days <= LONGEST_DAYS:
        raise UsageError(f"a token lasts from 1 to {LONGEST_DAYS} days, not {days}")
    token = PREFIX + new_token()
    values = {
        "name": checked_name(name),
        "token_hash": hashed(token),
        "scopes": sorted(set(scopes), reverse=True),
        "accounts": own or None,
        "days": days,
    }
    try:
        conn.execute(query("web_token_add"), values)
    except psycopg.errors.UniqueViolation:
        raise UsageError(f"there is a token {name} already: revoke it first, or take another name") from None
    return token


def tokens(conn: psycopg.Connection[Any]) -> list[Token]:
    """Return the tokens, the valid ones first."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(query("web_token_list")).fetchall()
    return [
        Token(number, name, tuple(scopes), tuple(accounts) if accounts else None, *times)
        for number, name, scopes, accounts, *times in rows
    ]


def revoke(conn: psycopg.Connection[Any], name: str) -> None:
    """Revoke a token: it is worth nothing from now on. Raises UsageError where no valid one has this name."""
    if conn.execute(query("web_token_revoke"), {"name": name}).rowcount == 0:
        raise UsageError(f"no valid token is named {name}: whochanged tokens list  shows those that there are")


def viewer_of(conn: psycopg.Connection[Any], token: str) -> Viewer | None:
    """Return what a token may see and do, None where it is none of ours, expired or revoked."""
    if not token.startswith(PREFIX):
        return None
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query("web_token_find"), {"token_hash": hashed(token)}).fetchone()
    if row is None:
        return None
    number, name, scopes, accounts, stale = row
    if stale:
        conn.execute(query("web_token_used"), {"id": number})
    return Viewer(
        name=f"{name} (API token)",
        role="account_admin" if accounts else "admin",
        accounts=frozenset(accounts) if accounts else None,
        may_export="export" in scopes,
        timezone="UTC",
        subject=f"token:{number}",
        method="token",
        scopes=frozenset(scopes),
    )
