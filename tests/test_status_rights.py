"""Rights on the log that were weakened: `status` says what may happen that may not, and the SQL that ends it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from capture.rights import Weakness, weaknesses
from tests.aging import value
from tests.commands import Capture, documents, said

Connection = psycopg.Connection[Any]

WEAKENED = {
    "PUBLIC may read": ("grant select on audit.log to public", "PUBLIC may SELECT on audit.log"),
    "PUBLIC may enter the schema": ("grant usage on schema audit to public", "PUBLIC may USAGE on audit"),
    "PUBLIC may execute": (
        "grant execute on function audit.write_transaction() to public",
        "PUBLIC may EXECUTE on audit.write_transaction()",
    ),
    "capture may delete": ("grant delete on audit.change to audit_capture", "audit_capture may DELETE on audit.change"),
    "capture may do more": (
        "grant update, truncate on audit.transaction to audit_capture",
        "audit_capture may TRUNCATE, UPDATE on audit.transaction",
    ),
    "capture may make objects": ("grant create on schema audit to audit_capture", "audit_capture may CREATE on audit"),
    "capture may not insert": (
        "revoke insert on audit.change from audit_capture",
        "audit_capture may not INSERT on audit.change",
    ),
    "readers may write": ("grant insert on audit.setting to audit_reader", "audit_reader may INSERT on audit.setting"),
    "a column may be read": (
        "grant select (old) on audit.change to public",
        "PUBLIC may SELECT column old of audit.change",
    ),
    "a partition may be read": (
        "grant select on audit.change_{day} to public",
        "PUBLIC may SELECT on audit.change_{day}",
    ),
    "a sequence may be moved": (
        "grant update on sequence audit.change_id_seq to audit_capture",
        "audit_capture may UPDATE on audit.change_id_seq",
    ),
    "a table was given away": ("alter table audit.change owner to {role}", "audit.change belongs to {role}"),
    "a view was given away": ("alter view audit.log owner to {role}", "audit.log belongs to {role}"),
    "the schema was given away": ("alter schema audit owner to {role}", "audit belongs to {role}"),
    "somebody may write": ("grant insert on audit.change to {role}", "{role} may INSERT on audit.change"),
    "somebody may write everything": (
        "grant pg_write_all_data to {role}",
        "{role} may change and remove what is in the log, as a member of pg_write_all_data",
    ),
    "somebody may write in the view": ("grant delete on audit.log to {role}", "{role} may DELETE on audit.log"),
}


@pytest.fixture
def role(conn: Connection) -> Iterator[str]:
    """Give a role that the log knows nothing of."""
    name = f"stranger_{uuid.uuid4().hex[:8]}"
    conn.execute(f"create role {name}")
    yield name
    conn.execute(f"reassign owned by {name} to postgres; drop owned by {name}; drop role {name}")


def test_what_an_installation_gives_is_what_is_checked(crm_conn: Connection) -> None:
    """Nothing more and nothing less, on every version, with tracked tables too."""
    assert weaknesses(crm_conn) == []


@pytest.mark.parametrize("statement,expected", WEAKENED.values(), ids=WEAKENED)
def test_weakened_rights_are_named_with_the_statement_that_ends_them(
    conn: Connection, role: str, statement: str, expected: str
) -> None:
    names = {"role": role, "day": value(conn, "select to_char(now() at time zone 'UTC', 'YYYYMMDD')")}
    conn.execute(statement.format(**names).encode())
    (found,) = weaknesses(conn)
    assert found.said == expected.format(**names)
    conn.execute(found.remedy.encode())
    assert weaknesses(conn) == []


def test_the_roles_of_the_log_stay_what_they_are(dsn: str) -> None:
    """Roles belong to the cluster: what is done to them here is never committed."""
    with psycopg.connect(dsn) as conn:
        conn.execute("grant pg_read_all_data to audit_capture; alter role audit_capture bypassrls")
        assert weaknesses(conn) == [
            Weakness(
                "audit_capture is a superuser, or may log in or pass by row security",
                "ALTER ROLE audit_capture NOSUPERUSER NOBYPASSRLS NOLOGIN",
            ),
            Weakness("audit_capture is a member of pg_read_all_data", "REVOKE pg_read_all_data FROM audit_capture"),
        ]
        conn.rollback()


@pytest.mark.one_server
def test_status_exits_1_where_rights_were_weakened(conn: Connection, dsn: str, capsys: Capture) -> None:
    conn.execute("grant select on audit.change to public")
    out, _ = said(capsys, "status", "--dsn", dsn, code=1)
    assert "! PUBLIC may SELECT on audit.change: run  REVOKE SELECT ON TABLE audit.change FROM PUBLIC" in out
    (document,) = documents(capsys, "status", "--dsn", dsn, code=1)
    assert document["sound"] is False
    assert document["rights"] == [
        {"said": "PUBLIC may SELECT on audit.change", "remedy": "REVOKE SELECT ON TABLE audit.change FROM PUBLIC"}
    ]
