"""What capture stumbles over: values that cannot be read or kept as JSON, and logs that cannot be written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import psycopg

from capture.install import track_table

Connection = psycopg.Connection[Any]

# A type whose output function raises, and names the value: it takes numbers for enum labels.
TYPES = """
create type bad;
create function bad_in(cstring) returns bad language internal immutable strict as 'int4in';
create function bad_out(bad) returns cstring language internal immutable strict as 'enum_out';
create type bad (input = bad_in, output = bad_out, internallength = 4, passedbyvalue, alignment = int4);
create domain bad_domain as bad;
create type bad_row as (n int, b bad);
"""


@dataclass(frozen=True, slots=True)
class Failure:
    """A way in which capture fails: `kind` and `value` of column b, what is done to the log before, and what is said.

    `kept` tells whether the rows themselves are in the log of an available table, but for the `missing` columns, or only a row that says
    that they are not; where it is None, the log has nothing.
    """

    said: str
    state: str
    kind: str = "text"
    value: str = "'x'"
    other: str = "'y'"
    break_log: str = ""
    kept: bool | None = True
    missing: tuple[str, ...] = ("b",)


def _bad(kind: str, value: str, other: str) -> Failure:
    return Failure("invalid internal value for enum: 77", "22P03", kind, value, other)


FAILURES = {
    "output function": _bad("bad", "'77'", "'78'"),
    "output function in a domain": _bad("bad_domain", "'77'", "'78'"),
    "output function in an array": _bad("bad[]", "array['77'::bad]", "array['77'::bad, '78']"),
    "output function in a row": _bad("bad_row", "row(1, '77')::bad_row", "row(1, '78')::bad_row"),
    "a column of the log is gone": Failure(
        'column "account" of relation "change" does not exist',
        "42703",
        break_log="alter table audit.change rename column account to was_account",
        kept=False,
    ),
    "a constraint made by hand": Failure(
        "violates check constraint",
        "23514",
        break_log="alter table audit.change add constraint mine check (coalesce(new, old) ->> 'v' not in ('a', 'b', 'c'))",
        kept=True,
        missing=("v", "b"),
    ),
    "a trigger made by hand": Failure(
        "not today",
        "P0001",
        break_log="create function no() returns trigger language plpgsql as $$begin raise 'not today'; end$$;"
        "create trigger no before insert on audit.change for each row execute function no()",
        kept=None,
    ),
    "the right to write changes": Failure(
        "permission denied for table change",
        "42501",
        break_log="revoke insert on audit.change from audit_capture",
        kept=None,
    ),
    "the right to write transactions": Failure(
        "permission denied for table transaction",
        "42501",
        break_log="revoke insert on audit.transaction from audit_capture",
        kept=None,
    ),
    "the right to read the registry": Failure(
        "permission denied for table tracked_table",
        "42501",
        break_log="revoke select on audit.tracked_table from audit_capture",
        kept=None,
    ),
    "a table of the log is gone": Failure(
        'relation "audit.change" does not exist',
        "42P01",
        break_log="alter table audit.change rename to was_change",
        kept=None,
    ),
}


def fill(conn: Connection, failure: Failure, policy: Literal["strict", "available"], rows: int) -> None:
    """Make table public.t with rows that fail, track it, and break the log."""
    conn.execute(TYPES)
    conn.execute(f"create table t (id int primary key, v text, b {failure.kind})")
    conn.execute(f"insert into t select g, 'a', {failure.value} from generate_series(1, {rows}) as g")
    track_table(conn, "public.t", failure=policy)
    if failure.break_log:
        conn.execute(failure.break_log)


def statements(failure: Failure, rows: int) -> dict[str, str]:
    """Return a failing statement of each operation over that many rows."""
    return {
        "INSERT": f"insert into t select g, 'b', {failure.value} from generate_series({rows} + 1, 2 * {rows}) as g",
        "UPDATE": f"update t set v = 'c', b = {failure.other}",
        "DELETE": "delete from t",
        "TRUNCATE": "truncate t",
    }
