"""Functions and views of the log that somebody replaced, altered or gave away: `status` names it, `install` puts it right."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from capture import repeatable
from capture.definitions import Definition, definitions, derived, installed, owners
from capture.events import text
from tests.commands import Capture, said

pytestmark = pytest.mark.ends

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


HIDING = {
    "audit.log hides an account": ("audit.log", "select * from ({meant}) as l where l.account is distinct from 'acme'"),
    "audit.log has a column more": ("audit.log", "select *, true as mine from ({meant}) as l"),
    "audit.all_change hides a day": ("audit.all_change", "{meant} limit 1000000"),
    "audit.log_field shows another value": (
        "audit.log_field",
        "select (x.l).* from (select row(l.*)::audit.log_field as l from ({meant}) as l) as x where (x.l).field <> 'price'",
    ),
}


@pytest.mark.parametrize("view,query", HIDING.values(), ids=HIDING)
def test_a_view_altered_behind_our_back_is_found_and_put_right(
    conn: Connection, dsn: str, capsys: Capture, view: str, query: str
) -> None:
    """Its comment has the hash of our file: only what it says tells."""
    (meant,) = conn.execute("select rtrim(pg_get_viewdef(%s::regclass), ';')", (view,)).fetchone() or ("",)
    conn.execute(f"create or replace view {view} as {query.replace('{meant}', str(meant))}".encode())
    out, _ = said(capsys, "status", "--dsn", dsn, code=1)
    file = "views/log_field.sql" if view.endswith("field") else "views/log.sql"
    assert f"functions or views differ from this version ({file}): run whochanged install" in " ".join(out.split())
    said(capsys, "install", "--dsn", dsn)
    said(capsys, "status", "--dsn", dsn)


@pytest.mark.parametrize("option", ["security_invoker", "security_barrier"])
def test_an_option_of_a_view_is_found_and_put_right(conn: Connection, dsn: str, capsys: Capture, option: str) -> None:
    """With the rights of whoever asks, a reader would see nothing of the log."""
    conn.execute(f"alter view audit.log set ({option} = true)".encode())
    assert repeatable.outdated(conn) != []
    said(capsys, "install", "--dsn", dsn)
    assert repeatable.outdated(conn) == []


@pytest.mark.one_server
def test_a_login_that_can_make_no_temporary_view_says_that_it_compared_none(
    conn: Connection, dsn: str, capsys: Capture
) -> None:
    out, _ = said(capsys, "status", "--dsn", f"{dsn} options='-c default_transaction_read_only=on'")
    assert "- the views were not compared with this version: this login can make no temporary view here" in " ".join(
        out.split()
    )
