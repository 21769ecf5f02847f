"""Whether rights on the log are those that the installation gave: no more, no fewer; and whether somebody added to its tables.

What it gave stands in the SQL files themselves, in GRANT statements at the beginning of a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row

from capture import repeatable
from capture.resources import MIGRATIONS, query, read_sql

_STATEMENT = re.compile(
    r"^(grant|revoke) ([^;]+?) on ((?:schema |sequence |function |table )?)([^;]+?) (?:to|from) ([^;]+);$", re.MULTILINE
)
_COMMA = re.compile(r",\s*(?![^()]*\))")


@dataclass(frozen=True, slots=True)
class Weakness:
    """A right that is not as installed, or what somebody made on a table of the log: what is so, and the SQL that puts it right."""

    said: str
    remedy: str


Right = tuple[str, str, str, str]
"""Privilege, kind of object, its name, and the role."""


def given() -> set[Right]:
    """Return the rights that an installation leaves behind, beside those of the owners."""
    rights: set[Right] = set()
    texts = [read_sql(path) for path in sorted((MIGRATIONS / "sql").glob("*.sql"))]
    for text in [*texts, *(file.text for file in repeatable.files())]:
        for verb, *statement in _STATEMENT.findall(text):
            change = rights.update if verb == "grant" else rights.difference_update
            change(_rights(*statement))
    return rights


def weaknesses(conn: psycopg.Connection[Any]) -> list[Weakness]:
    """Return what is not as installed: rights, owners, memberships of the log's roles, and what was made on its tables and views."""
    columns = [list(column) for column in zip(*sorted(given()), strict=True)]
    with conn.cursor(row_factory=class_row(Weakness)) as cursor:
        cursor.execute(query("rights"), dict(zip(("privileges", "kinds", "objects", "roles"), columns, strict=True)))
        found = cursor.fetchall()
        return found + cursor.execute(query("additions")).fetchall()


def _rights(privileges: str, kind: str, objects: str, roles: str) -> Iterator[Right]:
    """Give the single rights of one statement; `all` and `public` give none: nobody but an owner is given either."""
    for privilege in _COMMA.split(privileges):
        for each in _COMMA.split(objects):
            for role in _COMMA.split(roles):
                yield privilege.upper(), kind.strip() or "table", " ".join(each.split()), role
