"""Say who is acting: `with actor(connection, "Ana Admin", ip="198.51.100.7"):` around a transaction's writes."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row
from sqlalchemy import Connection as SqlConnection
from sqlalchemy import text
from sqlalchemy.orm import Session

from capture.errors import UsageError
from capture.resources import query
from capture.signing import LIFE, SigningKey

Target = psycopg.Connection[Any] | SqlConnection | Session

_Ask = Callable[..., tuple[Any, ...]]
"""Runs one of the queries with named parameters, and gives its row."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What the session says: the values of `audit.actor`, `audit.context` and `audit.signature`, empty where they are not set."""

    actor: str = ""
    context: str = ""
    signature: str = ""


@contextmanager
def actor(connection: Target, name: str, *, key: str | None = None, **context: Any) -> Iterator[None]:
    """Record *name* and *context* with every change that the transaction makes.

    Opens a transaction when none is open, and commits it at the end; inside an open one it lasts until that ends.
    A second, different actor in one transaction is refused, for one save has one author. What a session had set before the
    transaction that is opened here counts for nothing: in a pool it is somebody else's.

    With *key*, as `whochanged keys add` printed it, both are signed for this transaction: then they are vouched for whatever the
    database role. Sign before the first write.
    """
    if not name:
        raise UsageError("an actor needs a name: actor(connection, 'Ana Admin')")
    if "\0" in name:
        raise UsageError("the actor's name has a NUL character, which PostgreSQL cannot keep: take it out")
    signing = None if key is None else SigningKey.parse(key)
    with _transaction(connection) as opened:
        ask = _asker(connection)
        said = _set(ask, name, context, signing, opened=opened)
        # psycopg opens a transaction; SQLAlchemy may only say so.
        if not isinstance(connection, psycopg.Connection) and _read(ask) != said:
            raise UsageError(
                "the connection commits every statement by itself: take one without AUTOCOMMIT to act as somebody"
            )
        yield


@contextmanager
def _transaction(connection: Target) -> Iterator[bool]:
    """Open a transaction unless one is open; give whether it was opened."""
    if isinstance(connection, psycopg.Connection):
        if connection.info.transaction_status != TransactionStatus.IDLE:
            yield False
            return
        with connection.transaction():
            yield True
    elif connection.in_transaction():
        yield False
    else:
        with connection.begin():
            yield True


def _asker(connection: Target) -> _Ask:
    """Return what asks the database, through psycopg or SQLAlchemy."""
    if isinstance(connection, psycopg.Connection):

        def ask(name: str, **parameters: str) -> tuple[Any, ...]:
            with connection.cursor(row_factory=tuple_row) as cursor:
                return tuple(cursor.execute(query(name), parameters).fetchall()[0])
    else:

        def ask(name: str, **parameters: str) -> tuple[Any, ...]:
            statement = text(re.sub(r"%\((\w+)\)s", r":\1", query(name)))
            return tuple(connection.execute(statement, parameters).one())

    return ask


def _read(ask: _Ask) -> _Said:
    return _Said(*(value or "" for value in ask("context_read")))


def _set(ask: _Ask, name: str, context: dict[str, Any], key: SigningKey | None, *, opened: bool) -> _Said:
    """Set actor, context and signature for the transaction, keeping what it has already; return them."""
    session = _read(ask)
    present = _Said() if opened else session
    if present.actor and present.actor != name:
        raise UsageError(f"the transaction's actor is already {present.actor!r}: commit before acting as {name!r}")
    given = {word: value for word, value in context.items() if value is not None}
    merged = _merged(present.context, given) if given else present.context
    signature = present.signature
    if key is not None:
        cluster, transaction = ask("context_sign")
        expires = int(time.time()) + LIFE
        signature = key.sign(name, merged, cluster=cluster, transaction=transaction, expires=expires)
    elif signature and (present.actor, present.context) != (name, merged):
        raise UsageError("the transaction's actor is signed: give the key again to add to what is said")
    wanted = _Said(name, merged, signature)
    if wanted != session:
        ask("context_write", actor=name, context=merged, signature=signature)
    return wanted


def _merged(raw: str, given: dict[str, Any]) -> str:
    """Return the context with more in it."""
    try:
        said = json.loads(raw) if raw else {}
    except ValueError:
        said = {"unparsed": raw}
    if not isinstance(said, dict):
        said = {"unparsed": raw}
    return json.dumps({**said, **given}, default=str, ensure_ascii=False)
