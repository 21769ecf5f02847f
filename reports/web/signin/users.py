"""Local accounts: table audit.web_user, which is under watch itself. Made by `whochanged users`, never by the page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from capture.resources import query
from reports.web.viewer import Role, Viewer, known_zone


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
