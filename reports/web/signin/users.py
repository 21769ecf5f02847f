"""Local accounts: table audit.web_user, which is under watch itself. Made by `whochanged users`, never by the page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from capture.errors import UsageError
from capture.resources import query
from reports.addresses import checked_name
from reports.calendar import zone_of
from reports.recipients import pause
from reports.recipients import read as recipients_of
from reports.web.viewer import Role, Viewer, known_zone

_NAME = re.compile(r"[^\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]{1,200}")


@dataclass(frozen=True, slots=True)
class User:
    """A local account. `accounts` are those of an Account Admin, None for an Admin."""

    id: int
    name: str
    full_name: str | None
    role: Role
    accounts: tuple[str, ...] | None
    may_export: bool
    timezone: str | None
    disabled: bool = False
    added_at: datetime | None = None
    password_set_at: datetime | None = None

    @property
    def shown(self) -> str:
        """The name that people read."""
        return self.full_name or self.name

    def viewer(self) -> Viewer:
        """Return what this account may see and do."""
        return Viewer(
            name=self.shown,
            role=self.role,
            accounts=None if self.accounts is None else frozenset(self.accounts),
            may_export=self.may_export,
            timezone=known_zone(self.timezone),
            subject=f"password:{self.name.lower()}",
            method="password",
            email=self.name if "@" in self.name else None,
        )


def read(conn: psycopg.Connection[Any], name: str | None = None) -> list[tuple[User, str]]:
    """Return the accounts with the hashes of their passwords: all, or the one of a name."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(query("web_user_read"), {"name": name}).fetchall()
    return [
        (User(number, who, full, role, tuple(accounts) if accounts else None, *rest), password)
        for number, who, full, role, accounts, *rest, password in rows
    ]


def find(conn: psycopg.Connection[Any], name: str) -> User:
    """Return the account of a name. Raises UsageError, with the one that was probably meant, without one."""
    found = read(conn, name)
    if found:
        return found[0][0]
    names = [user.name for user, _ in read(conn)]
    close = get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]}?" if close else "whochanged users list  shows those that there are"
    raise UsageError(f"there is no account {name}: {hint}")


def check_new(conn: psycopg.Connection[Any], name: str) -> None:
    """Raise UsageError where a name cannot be one to sign in with, or somebody has it already."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"'{name}' is no name to sign in with: up to 200 letters, without blanks, such as ana or ana@example.com"
        )
    if read(conn, name):
        raise _twice(name)


def add(
    conn: psycopg.Connection[Any],
    name: str,
    password_hash: str,
    *,
    full_name: str | None = None,
    accounts: Iterable[str] = (),
    may_export: bool = True,
    timezone: str | None = None,
) -> User:
    """Make an account: of an Account Admin where accounts are named, else of an Admin.

    Part of the caller's transaction. Raises UsageError for what cannot be meant, and for a name that somebody has already.
    """
    own = sorted({account.strip() for account in accounts})
    check_new(conn, name)
    if "" in own:
        raise UsageError("the account is empty: leave --account out for an Admin, who sees all")
    values = {
        "name": name,
        "full_name": None if full_name is None else checked_name(full_name),
        "role": "account_admin" if own else "admin",
        "accounts": own or None,
        "may_export": may_export,
        "timezone": None if timezone is None else zone_of(timezone).key,
        "password_hash": password_hash,
    }
    try:
        conn.execute(query("web_user_add"), values)
    except psycopg.errors.UniqueViolation:
        raise _twice(name) from None
    return find(conn, name)


def set_password(conn: psycopg.Connection[Any], name: str, password_hash: str) -> User:
    """Give an account a new password: its sessions end. Raises UsageError where there is no such account."""
    user = find(conn, name)
    conn.execute(query("web_user_password"), {"id": user.id, "password_hash": password_hash})
    return user


def disable(conn: psycopg.Connection[Any], name: str, *, disabled: bool = True) -> bool:
    """Refuse an account to sign in, and end its sessions at once, or let it in again; return whether that was a change."""
    user = find(conn, name)
    done = conn.execute(query("web_user_disable"), {"id": user.id, "disabled": disabled}).rowcount > 0
    if disabled:
        conn.execute(query("web_user_sessions_end"), {"id": user.id})
    return done


def remove(conn: psycopg.Connection[Any], name: str) -> User:
    """Remove an account, and its sessions with it; return it as it was. A digest that it got is paused: nobody is there who may read it."""
    user = find(conn, name)
    conn.execute(query("web_user_remove"), {"id": user.id})
    if gets_digests(conn, user):
        pause(conn, user.name, reason="the account of the page was removed")
    return user


def gets_digests(conn: psycopg.Connection[Any], user: User) -> bool:
    """Return whether digests go to the address that an account is called by."""
    return any(one.email.casefold() == user.name.casefold() for one in recipients_of(conn))


def _twice(name: str) -> UsageError:
    return UsageError(f"there is an account {name} already: whochanged users passwd {name}  gives it a new password")
