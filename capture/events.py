"""Event triggers: no DDL on a tracked table goes unseen, where a superuser installs the log (docs/ddl.md).

The files in sql/events make them and their functions, all at once: what superusers run with every DDL must not be anybody else's
to change, so this is no work for the roles of the log, which own everything else.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg.rows import tuple_row

from capture.definitions import definitions, installed
from capture.resources import SQL, query, read_sql

_HEADER = re.compile(r"^-- event trigger: (\w+): (.+)$", re.MULTILINE)
_NEEDS = "DDL on tracked tables is neither refused nor logged"


@dataclass(frozen=True, slots=True)
class DdlWatch:
    """Whether DDL on tracked tables is watched; `trouble` says what is missing or could not be made, and what to do.

    `broken` tells that event triggers are there, and not all as this version makes them.
    """

    trouble: str | None = None
    broken: bool = False


def text() -> LiteralString:
    """Return the SQL that makes the event triggers anew, for a superuser."""
    return "\n".join(read_sql(path) for path in sorted((SQL / "events").glob("*.sql")))


def comments() -> dict[str, str]:
    """Return the comment of each event trigger, which holds the hash of the whole."""
    whole = text()
    digest = hashlib.sha256(whole.encode()).hexdigest()[:16]
    return {name: f"{comment} [{digest}]" for name, comment in _HEADER.findall(whole)}


def statement() -> LiteralString:
    """Return one statement that makes the event triggers where whoever runs it may, and else does nothing but say so."""
    told = "".join(f"comment on event trigger {name} is '{comment}';\n" for name, comment in comments().items())
    return query("event_triggers_make").replace("-- the files of sql/events", f"{text()}\n{told}")


def watch(conn: psycopg.Connection[Any]) -> DdlWatch:
    """Return whether the event triggers are there, enabled, and as this version makes them."""
    wanted = comments()
    rows = conn.cursor(row_factory=tuple_row).execute(query("event_triggers")).fetchall()
    if not rows:
        return DdlWatch(f"{_NEEDS}: run  whochanged install  as a superuser")
    found = {name: (enabled, comment) for name, enabled, comment in rows if name is not None}
    missing = sorted(wanted.keys() - found.keys())
    disabled = sorted(name for name, (enabled, _) in found.items() if not enabled)
    if missing or disabled:
        said = [
            f"{what}: {', '.join(names)}" for what, names in (("missing", missing), ("disabled", disabled)) if names
        ]
        return DdlWatch(f"event triggers {'; '.join(said)}: run  whochanged install  as a superuser", broken=True)
    have = {each.name: each for each, _ in installed(conn).values()}
    altered = any(have.get(each.name) != each for each in definitions(text()))
    if altered or any(found[name][1] != comment for name, comment in wanted.items()):
        return DdlWatch(
            "the event triggers are not as this version makes them: run  whochanged install  as a superuser",
            broken=True,
        )
    members = _may(conn)[1]
    if members:
        return DdlWatch(_could(members), broken=True)
    return DdlWatch()


def make(conn: psycopg.Connection[Any]) -> DdlWatch:
    """Make the event triggers where they are missing or differ, and return what is the case then."""
    before = watch(conn)
    if before.trouble is None:
        return before
    superuser, members = _may(conn)
    if not superuser:
        return before
    if members:
        return DdlWatch(_could(members), broken=before.broken)
    conn.execute(statement())
    return watch(conn)


def _may(conn: psycopg.Connection[Any]) -> tuple[bool, list[str]]:
    """Return whether this login may make event triggers, and whose membership in audit_capture forbids it."""
    row = conn.cursor(row_factory=tuple_row).execute(query("event_triggers_may")).fetchone()
    assert row is not None  # noqa: S101 - the query gives one row
    return bool(row[0]), list(row[1])


def _could(members: list[str]) -> str:
    names = ", ".join(members)
    return (
        f"a member of audit_capture could run code as a superuser by event triggers: run  REVOKE audit_capture FROM {names}, "
        "then  whochanged install  as a superuser"
    )
