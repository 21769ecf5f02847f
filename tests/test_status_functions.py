"""Functions of the log that somebody replaced, altered or gave away: `status` names it, `install` puts it right."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from capture import repeatable
from capture.definitions import Definition, definitions, derived, installed, owners
from capture.events import text
from tests.commands import Capture, said

Connection = psycopg.Connection[Any]

ALTERED = {
    "replaced": "create or replace function audit.write_transaction() returns boolean language sql as 'select true'",
    "silenced": "create or replace function audit.capture() returns trigger language plpgsql security definer as 'begin return null; end'",
    "with the rights of the writer": "alter function audit.capture() security invoker",
    "with another search path": "alter function audit.capture_label() set search_path = public, pg_catalog",
    "without a search path": "alter function audit.capture_label() reset search_path",
    "with another setting": "alter function audit.capture() set extra_float_digits = -15",
    "of another owner": "alter function audit.capture_truncate() owner to postgres",
    "of the owner of the log": "alter function audit.capture() owner to audit_owner",
}


def test_the_files_say_all_of_each_function(conn: Connection) -> None:
    """Each function is found in its file and in the database, has an owner, and pins its search path unless it says why not."""
    events = {each.name for each in definitions(text())}
    have = {identity: each for identity, each in installed(conn).items() if each[0].name not in events}
    made: set[Definition] = set()
    theirs: dict[str, str] = {}
    for file in repeatable.files():
        made |= definitions(file.text) | derived(file.text, file.sources)
        theirs |= owners(file.text)
    identities = {
        each.identity.replace(" ", "")
        for file in repeatable.files()
        for each in file.objects
        if each.kind == "function"
    }
    assert identities == set(have)
    assert len(made) == len(identities)
    assert {each.name for each in made} == set(theirs)
    assert repeatable.outdated(conn) == []


@pytest.mark.parametrize("statement", ALTERED.values(), ids=ALTERED)
def test_a_function_altered_behind_our_back_is_found_and_put_right(
    conn: Connection, dsn: str, capsys: Capture, statement: str
) -> None:
    conn.execute(statement.encode())
    out, _ = said(capsys, "status", "--dsn", dsn, code=1)
    assert "functions or views differ from this version" in out
    assert "run  whochanged install" in out
    said(capsys, "install", "--dsn", dsn)
    said(capsys, "status", "--dsn", dsn)


def test_a_guard_of_the_event_triggers_that_was_silenced_is_found_and_put_right(
    conn: Connection, dsn: str, capsys: Capture
) -> None:
    conn.execute(
        "create or replace function audit.guard_ddl() returns event_trigger language plpgsql"
        " set search_path = pg_catalog, pg_temp as 'begin return; end'"
    )
    out, _ = said(capsys, "status", "--dsn", dsn, code=1)
    assert "the event triggers are not as this version makes them: run  whochanged install  as a superuser" in out
    said(capsys, "install", "--dsn", dsn)
    said(capsys, "status", "--dsn", dsn)
