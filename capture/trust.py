"""Who vouches for the actor that an application names: database roles that are trusted gateways, and keys that sign."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from capture.errors import UsageError
from capture.resources import query

_KEY_NAME = re.compile(r"[A-Za-z0-9_.-]{1,32}")


@dataclass(frozen=True, slots=True)
class Trusted:
    """A gateway or a key, and when it vouches: from `since` (None: always) until `until` (None: still)."""

    name: str
    since: datetime | None
    until: datetime | None


def add_gateway(conn: psycopg.Connection[Any], role: str) -> bool:
    """Take the word of a role about the actor, in transactions that begin from now on. Return False where it is taken already.

    Raises UsageError where no role has this name. Acts with the rights of audit_owner, as all that changes something here.
    """
    there, trusted = _both(conn, "gateway_role", role=role)
    if not there:
        raise UsageError(f"there is no database role '{role}': name the role that the application logs in as")
    if not trusted:
        conn.execute(query("gateway_add"), {"role": role})
    return not trusted


def remove_gateway(conn: psycopg.Connection[Any], role: str) -> None:
    """End that, for transactions that begin from now on: what was vouched for stays so. Raises UsageError where it is not trusted."""
    if not _both(conn, "gateway_role", role=role)[1]:
        raise UsageError(f"'{role}' is no trusted gateway: whochanged gateways list  names them")
    conn.execute(query("gateway_remove"), {"role": role})


def gateways(conn: psycopg.Connection[Any]) -> list[Trusted]:
    """Return the roles that are or were trusted, those that are first."""
    return _list(conn, "gateway_list")


def add_key(conn: psycopg.Connection[Any], name: str) -> str:
    """Make a key and return it, "NAME:HEX": nobody can read it again. Raises UsageError where the name is taken or none."""
    if not _KEY_NAME.fullmatch(name):
        raise UsageError(f"'{name}' cannot name a key: take up to 32 letters, digits, '_', '.' and '-'")
    if _both(conn, "key_state", id=name)[0]:
        raise UsageError(f"there is or was a key '{name}': name the new one otherwise, as crm-2027")
    with conn.cursor(row_factory=tuple_row) as cursor:
        (secret,) = cursor.execute(query("key_add"), {"id": name}).fetchall()[0]
    return f"{name}:{secret}"


def retire_key(conn: psycopg.Connection[Any], name: str) -> None:
    """End a key and forget its secret; what was signed with it stays vouched for. Raises UsageError where it is not valid."""
    if not _both(conn, "key_state", id=name)[1]:
        raise UsageError(f"'{name}' is no valid key: whochanged keys list  names them")
    conn.execute(query("key_retire"), {"id": name})


def keys(conn: psycopg.Connection[Any]) -> list[Trusted]:
    """Return the keys that are or were valid, those that are first."""
    return _list(conn, "key_list")


def _both(conn: psycopg.Connection[Any], name: str, **parameters: str) -> tuple[bool, bool]:
    with conn.cursor(row_factory=tuple_row) as cursor:
        there, now = cursor.execute(query(name), parameters).fetchall()[0]
    return there, now


def _list(conn: psycopg.Connection[Any], name: str) -> list[Trusted]:
    with conn.cursor(row_factory=tuple_row) as cursor:
        return [Trusted(*row) for row in cursor.execute(query(name)).fetchall()]
