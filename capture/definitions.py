"""Functions and views as their files make them, to be compared with those that the database has.

One that somebody replaced by hand keeps its comment, with the hash of our file in it: only its text tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, LiteralString, cast

import psycopg
from psycopg import errors, sql

from capture.resources import query
from capture.upkeep import one

_FUNCTION = re.compile(
    r"^create or replace function audit\.(\w+)\((.*?)\nas \$function\$(.*?)\$function\$;", re.MULTILINE | re.DOTALL
)
_SETTING = re.compile(r"^set (\w+) (?:=|to) (.+)$", re.MULTILINE)
_ENDING = re.compile(r"\$ending\$(.*?)\$function\$\$ending\$", re.DOTALL)
_MADE = re.compile(r"\['audit\.(\w+)\(\)', 'audit\.(\w+)\(\)'\]")
_VIEW = re.compile(r"^create or replace view audit\.(\w+) as\n(.*?);$", re.MULTILINE | re.DOTALL)
_TEMPORARY = "whochanged_{}"
_OWNER = re.compile(r"^alter function audit\.(\w+)\([^;]*\) owner to (\w+);$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Definition:
    """What counts of a function: its text, whose rights it runs with, and the settings that it pins."""

    name: str
    body: str
    definer: bool
    settings: frozenset[str]


def definitions(text: str) -> frozenset[Definition]:
    """Return the functions that a file makes."""
    return frozenset(
        Definition(
            name, body, "security definer" in head, frozenset(_pinned(*found) for found in _SETTING.findall(head))
        )
        for name, head, body in _FUNCTION.findall(text)
    )


def derived(text: str, sources: Iterable[str]) -> frozenset[Definition]:
    """Return the functions that a file makes from those of *sources*: each with the file's ending in place of its own."""
    known = {each.name: each for source in sources for each in definitions(source)}
    ending = "".join(_ENDING.findall(text))
    return frozenset(
        replace(known[source], name=name, body=known[source].body.removesuffix("\nend\n") + ending)
        for source, name in _MADE.findall(text)
    )


def owners(text: str) -> dict[str, str]:
    """Return the owners that a file gives to functions, by name: functions of one name have one owner."""
    return dict(_OWNER.findall(text))


def installed(conn: psycopg.Connection[Any]) -> dict[str, tuple[Definition, str]]:
    """Return the functions of the database, each with its owner, by identity without blanks."""
    with conn.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        return {
            identity: (
                Definition(name, body, definer, frozenset(_pinned(*each.split("=", 1)) for each in settings)),
                owner,
            )
            for identity, name, body, definer, settings, owner in cursor.execute(query("object_definitions"))
        }


def views(text: LiteralString) -> dict[str, LiteralString]:
    """Return the queries of the views that a file makes, by name."""
    return dict(cast("list[tuple[str, LiteralString]]", _VIEW.findall(text)))


def comparable_views(conn: psycopg.Connection[Any]) -> bool:
    """Return whether the views can be compared: this login may make temporary ones, here and now."""
    return bool(one(conn, query("view_comparable")))


def altered_views(conn: psycopg.Connection[Any], wanted: Mapping[str, LiteralString]) -> set[str]:
    """Return the names of views that do not say what *wanted* says, or have options; none where they cannot be compared.

    The server writes a view in its own words. So it is asked to make each of *wanted* for a moment, under a temporary name.
    """
    if not comparable_views(conn):
        return set()
    with conn.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        rows = cursor.execute(query("view_definitions"), {"temporary": False}).fetchall()
        have = {name: said for name, said in rows if name in wanted}
        try:
            with conn.transaction(force_rollback=True):
                for name in have:
                    made = sql.Identifier(_TEMPORARY.format(name))
                    statement = sql.SQL("create temporary view {} as ").format(made) + sql.SQL(wanted[name])
                    cursor.execute(statement)
                meant: dict[str, str] = dict(cursor.execute(query("view_definitions"), {"temporary": True}).fetchall())
        except (errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedFunction):
            # What they are made from is another one: whoever makes them again is told what it lacks.
            return set(have)
    return {name for name, said in have.items() if said != meant[_TEMPORARY.format(name)]}


def _pinned(name: str, value: str) -> str:
    """Return a setting in one spelling: the server writes names as it likes and values without quotes."""
    return name.lower() + "=" + value.strip().strip("'")
