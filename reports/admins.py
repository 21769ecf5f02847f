"""Who may be mailed: the admins whom the operator's own query names, asked each time that a mail is cut or sent.

Who has a local account of the page is besides mailed nothing that they could not see there.

The query is stored by `whochanged install` (audit.setting, admins_query), so that every process obeys the same one, and its
change is an entry of the log. It runs as the log's owner, read only, within seconds. What it cannot answer is a fault of the
configuration: then nobody is mailed, and everything waits.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from psycopg import errors
from psycopg.rows import tuple_row

from capture.errors import ConfigurationError, UsageError
from capture.reading import setting
from capture.resources import query
from capture.upkeep import OWNER
from reports.addresses import checked_address

SETTING = "admins_query"
NAME = "WHOCHANGED_ADMINS_QUERY"

PATIENCE = 10.0
"""Seconds that the query may take."""

FRESH = 10.0
"""Seconds for which an answer counts: who has left is not mailed later than that."""

ALL = "*"
"""What the query gives as the account of one who may see all of them. NULL is no account: a join that finds nothing gives no right."""

_COLUMNS = ({"email"}, {"email", "account"})


@dataclass(frozen=True, slots=True)
class Admins:
    """The admins: for each address the accounts that they may see, None for all of them. Without a query everybody may be mailed.

    `page` is the same of those who have a local account of the page under their address: a mail tells nobody more than the page would.
    """

    accounts: dict[str, frozenset[str] | None] | None
    page: dict[str, frozenset[str] | None] = field(default_factory=dict)

    def may_get(self, email: str, accounts: Iterable[str] | None) -> bool:
        """Return whether an address may be told of some accounts, all of them where it is None: of each, not only of one."""
        address = _compared(email)
        wanted = None if accounts is None else frozenset(accounts)
        if self.accounts is not None and not _covered(self.accounts.get(address, _NOTHING), wanted):
            return False
        return address not in self.page or _covered(self.page[address], wanted)


_NOTHING: frozenset[str] = frozenset()


def _covered(allowed: frozenset[str] | None, wanted: frozenset[str] | None) -> bool:
    """Return whether all that is wanted is allowed; who may see no account may get nothing."""
    return allowed is None or (wanted is not None and bool(allowed) and allowed >= wanted)


EVERYBODY = Admins(None)


@dataclass(slots=True)
class Asking:
    """Asks for the admins again whenever the last answer is old."""

    conn: psycopg.Connection[Any]
    _found: Admins = field(default=EVERYBODY, init=False)
    _until: float = field(default=float("-inf"), init=False)

    def now(self) -> Admins:
        """Return the admins as of the last seconds. Raises ConfigurationError like `ask`."""
        if time.monotonic() >= self._until:
            self._found = ask(self.conn)
            self._until = time.monotonic() + FRESH
        return self._found


def ask(conn: psycopg.Connection[Any]) -> Admins:
    """Return the admins as the stored query and the page's accounts name them now. The connection must be outside of a transaction.

    Raises ConfigurationError, with what to do, where the query fails, takes too long, or names nobody at all.
    """
    with conn.transaction():
        stored, page = setting(conn, SETTING), _of_the_page(conn)
    named = _named(_run(conn, stored, as_owner=True)) if stored else EVERYBODY
    return replace(named, page=page)


def try_out(conn: psycopg.Connection[Any], text: str, *, as_owner: bool) -> int:
    """Return how many addresses a query names that is to be stored. Raises ConfigurationError like `ask`."""
    return len(_named(_run(conn, text, as_owner=as_owner)).accounts or ())


def _of_the_page(conn: psycopg.Connection[Any]) -> dict[str, frozenset[str] | None]:
    """Return what each local account of the page may see, by address; of none to a login that may not read them, and mails nobody."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        may_read = cursor.execute("SELECT has_table_privilege('audit.web_user', 'SELECT')").fetchone()
        rows = cursor.execute(query("admins_page")).fetchall() if may_read and may_read[0] else []
    return {_compared(name): None if accounts is None else frozenset(accounts) for name, accounts in rows}


def _run(conn: psycopg.Connection[Any], text: str, *, as_owner: bool) -> list[tuple[str | None, str | None]]:
    """Return the rows of the query: address and account, which is ALL where it gives no such column."""
    # Inside of FROM only a query can stand, one that changes nothing; a comment at its end must not swallow the bracket.
    inner = f"FROM (\n{text.strip().rstrip(';')}\n) AS admins"
    try:
        # Nothing of it is to stay, whatever functions it calls.
        with conn.transaction(force_rollback=True), conn.cursor(row_factory=tuple_row) as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
            cursor.execute(query("admins_limits"), {"milliseconds": f"{PATIENCE * 1000:.0f}"})
            if as_owner:
                cursor.execute(f"SET LOCAL ROLE {OWNER}")
            # By the extended protocol (binary), in which the server refuses a second statement; without parameters a % is a %.
            cursor.execute(f"SELECT * {inner} LIMIT 0".encode(), prepare=False, binary=True)
            names = {column.name for column in cursor.description or ()}
            if names not in _COLUMNS:
                given = ", ".join(sorted(names)) or "none"
                raise _fault(f"it gives the columns {given}: name them email and, if you like, account")
            account = "admins.account::text" if "account" in names else f"'{ALL}'"
            cursor.execute(f"SELECT admins.email::text, {account} {inner}".encode(), prepare=False, binary=True)
            rows: list[tuple[str | None, str | None]] = cursor.fetchall()
    except errors.InsufficientPrivilege as error:
        who = OWNER if as_owner else conn.info.user
        raise _fault(f"{_said(error)}: run  GRANT SELECT ON ... TO {who}  for what it reads") from error
    except errors.QueryCanceled as error:
        raise _fault(f"it took longer than {PATIENCE:.0f} seconds") from error
    except psycopg.Error as error:
        if conn.closed:
            raise
        raise _fault(_said(error)) from error
    return rows


def _named(rows: Iterable[tuple[str | None, str | None]]) -> Admins:
    found: dict[str, set[str] | None] = {}
    for email, account in rows:
        if email is None:
            continue
        address = _compared(email)
        accounts = found.setdefault(address, set())
        if account == ALL:
            found[address] = None
        elif account is not None and accounts is not None:
            accounts.add(account)
    if not found:
        raise _fault("it names nobody, so that nobody would be mailed any more")
    return Admins({address: None if among is None else frozenset(among) for address, among in found.items()})


def _compared(email: str) -> str:
    """Return an address as addresses are compared: without regard to case, its domain in ASCII."""
    try:
        return checked_address(email).casefold()
    except UsageError:
        return email.strip().casefold()


def _fault(reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"the query of {NAME} cannot tell who is an admin, so nobody is mailed and all waits: {reason}"
    )


def _said(error: psycopg.Error) -> str:
    return " ".join((error.diag.message_primary or str(error)).split())
