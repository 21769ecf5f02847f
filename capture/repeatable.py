"""Functions, triggers and views: applied again when their file, or what somebody made of them, differs from what the database has.

Each file in sql/triggers and sql/views says which objects it makes, in lines of the form
`-- object: function audit.f(integer): What it does`. The text and the file's hash become the object's comment. What is made from the
objects of other files names these (`-- made from: one.sql two.sql`), and is made again when they change; it stands behind them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import errors, sql

from capture.definitions import altered_views, definitions, derived, installed, owners, views
from capture.resources import SQL, query, read_sql

_OBJECT = re.compile(r"^-- object: (function|view) ([^:]+): (.+)$", re.MULTILINE)
_MADE_FROM = re.compile(r"^-- made from: (.+)$", re.MULTILINE)
_FOLDERS = ("triggers", "views")


@dataclass(frozen=True, slots=True)
class SqlObject:
    """A function or view and the comment it gets."""

    kind: str
    identity: str
    comment: str

    def comment_statement(self) -> LiteralString:
        """Return the COMMENT ON statement."""
        text = self.comment.replace("'", "''")
        return f"comment on {self.kind} {self.identity} is '{text}';\n"


@dataclass(frozen=True, slots=True)
class RepeatableFile:
    """One file and its objects; without objects it belongs to every file of its folder. *sources* are the files that it is made from."""

    name: str
    text: LiteralString
    objects: tuple[SqlObject, ...]
    sources: tuple[LiteralString, ...] = ()


def files() -> Iterator[RepeatableFile]:
    """Give the files in the order in which they run: those without objects last in their folder."""
    for folder in _FOLDERS:
        found = []
        for path in sorted((SQL / folder).glob("*.sql")):
            text = read_sql(path)
            sources = [read_sql(path.with_name(name)) for found in _MADE_FROM.findall(text) for name in found.split()]
            digest = hashlib.sha256("".join([text, *sources]).encode()).hexdigest()[:16]
            objects = tuple(
                SqlObject(kind, identity, f"{comment} [{digest}]") for kind, identity, comment in _OBJECT.findall(text)
            )
            found.append(RepeatableFile(f"{folder}/{path.name}", text, objects, tuple(sources)))
        yield from sorted(found, key=lambda file: not file.objects)


def comments(conn: psycopg.Connection[Any]) -> dict[str, str]:
    """Return the comments of the functions and views in schema audit, by identity without blanks."""
    with conn.cursor() as cursor:
        cursor.execute(query("object_comments"))
        return dict(cursor.fetchall())


def outdated(conn: psycopg.Connection[Any]) -> list[RepeatableFile]:
    """Return the files whose objects are missing or differ."""
    present, replaced = comments(conn), _replaced(conn)
    found: list[RepeatableFile] = []
    folders: set[str] = set()
    for file in files():
        folder = file.name.split("/", maxsplit=1)[0]
        differs = any(present.get(_normal(each)) != each.comment or each.identity in replaced for each in file.objects)
        stale = differs if file.objects else folder in folders
        if stale:
            found.append(file)
            folders.add(folder)
    return found


def _replaced(conn: psycopg.Connection[Any]) -> set[str]:
    """Return the identities of what is not as its file makes it: functions that were replaced, altered or given away, and views."""
    have, every = installed(conn), list(files())
    wanted = {name: owner for file in every for name, owner in owners(file.text).items()}
    found = set()
    for file in every:
        made = definitions(file.text) | derived(file.text, file.sources)
        for each in file.objects:
            definition, owner = have.get(each.identity.replace(" ", ""), (None, None))
            if definition is not None and (definition not in made or owner != wanted.get(definition.name)):
                found.add(each.identity)
    wanted_views = {name: text for file in every for name, text in views(file.text).items()}
    return found | {f"audit.{name}" for name in altered_views(conn, wanted_views)}


def apply(conn: psycopg.Connection[Any]) -> list[str]:
    """Bring functions, triggers and views up to date; return the names of the files that ran."""
    ran = []
    for file in outdated(conn):
        _run(conn, file)
        ran.append(file.name)
    return ran


def _run(conn: psycopg.Connection[Any], file: RepeatableFile) -> None:
    """Run a file. A view that somebody gave other columns cannot be replaced: it goes first, and with it the views that read it."""
    try:
        with conn.transaction():
            _make(conn, file)
    except errors.InvalidTableDefinition:
        every = [each for each in files() if views(each.text)]
        theirs = [sql.Identifier("audit", name) for each in every for name in views(each.text)]
        conn.execute(sql.SQL("drop view if exists {}").format(sql.SQL(", ").join(theirs)))
        for each in every:
            _make(conn, each)


def _make(conn: psycopg.Connection[Any], file: RepeatableFile) -> None:
    """Run a file and comment on its objects."""
    conn.execute(sql.SQL(file.text))
    for each in file.objects:
        conn.execute(sql.SQL(each.comment_statement()))


def _normal(each: SqlObject) -> str:
    """Return the identity as the database spells it."""
    return f"{each.kind} {each.identity.replace(' ', '')}"
