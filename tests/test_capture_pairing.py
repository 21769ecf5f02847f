"""The two images of a row are paired by their place in the statement's transition tables: never with another row's.

What the pairing rests on is measured, not promised by PostgreSQL: so every plan that an UPDATE can have is tried over many rows,
on every server. `make test-long` takes ten times as many.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import psycopg
import pytest

from capture.install import track_table
from tests.fix_postgres import TestServer

Connection = psycopg.Connection[Any]

ROWS = int(os.environ.get("WHOCHANGED_PAIRING_ROWS", "1000000"))
"""Rows that are paired on each server, by all statements together."""

PLAIN = "create table t (id bigint primary key, a bigint, b text, pad text)"
PARTED = (
    "create table t (id bigint, a bigint, b text, pad text) partition by hash (id);"
    "create table t0 partition of t for values with (modulus 3, remainder 0);"
    "create table t1 (pad text, gone int, b text, id bigint, a bigint); alter table t1 drop column gone;"
    "alter table t attach partition t1 for values with (modulus 3, remainder 1);"
    "create table t2 partition of t for values with (modulus 3, remainder 2)"
)
SET = "set a = t.a + 1000000000, b = 'n' || t.id"
MOVE = "set a = t.a + 1000000000, b = 'n' || t.id, id = t.id + 1000000000"
UPSERT = "insert into t select id, 0, 'x' from t on conflict (id) do update set a = t.a + 1000000000, b = 'n' || t.id"
MERGE = (
    f"merge into t using (select id from t order by md5(id::text)) as o on o.id = t.id when matched then update {SET}"
)
TRIGGER = (
    "create function bend() returns trigger language plpgsql as $$begin"
    " if new.id % 10 = 3 then return null; end if; new.pad := 'bent'; return new; end$$;"
    "create trigger bend before update on t for each row execute function bend()"
)

STATEMENTS: dict[str, tuple[str, str, str]] = {
    "in the order of the table": (PLAIN, "", f"update t {SET}"),
    "by the index": (PLAIN, "set enable_seqscan = off; set enable_bitmapscan = off", f"update t {SET} where id > 0"),
    "by a bitmap": (PLAIN, "set enable_seqscan = off; set enable_indexscan = off", f"update t {SET} where id > 0"),
    "in a random order": (
        PLAIN,
        "",
        f"update t {SET} from (select id from t order by md5(id::text)) as o where o.id = t.id",
    ),
    "joined by hash": (
        PLAIN,
        "set enable_nestloop = off; set enable_mergejoin = off; set work_mem = '1MB'",
        f"update t {SET} from t as o where o.id = t.id",
    ),
    "joined by merging": (
        PLAIN,
        "set enable_nestloop = off; set enable_hashjoin = off",
        f"update t {SET} from t as o where o.id = t.id",
    ),
    "joined to several": (
        PLAIN,
        "",
        f"update t {SET} from (select id from t union all select id from t) as o where o.id = t.id",
    ),
    "with changed keys": (PLAIN, "", f"update t {MOVE}"),
    "with triggers that bend and drop rows": (PLAIN + ";" + TRIGGER, "", f"update t {SET}"),
    "by an upsert": (
        PLAIN,
        "",
        "insert into t select id, 0, 'x' from t on conflict (id) do update set a = t.a + 1000000000, b = 'n' || t.id",
    ),
    "by MERGE": (
        PLAIN,
        "",
        MERGE,
    ),
    "over partitions": (PARTED, "", f"update t {SET}"),
    "between partitions": (PARTED, "", f"update t {MOVE}"),
    "on one partition": (PARTED, "", f"update t1 as t {SET}"),
}
ALONE = {"with triggers that bend and drop rows": 0.9, "on one partition": 1 / 3}
"""The share of the rows that a statement updates, where it is not all of them."""


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", STATEMENTS)
def test_no_row_is_paired_with_another(conn: Connection, name: str) -> None:
    """What an update added to each row tells which new image belongs to which old one."""
    table, settings, statement = STATEMENTS[name]
    number = -(-ROWS // len(STATEMENTS))
    conn.execute(table)
    conn.execute(
        "insert into t (id, a, b, pad) select g, g, 'o' || g, repeat('x', (g %% 50)::int) from generate_series(1, %s) as g",
        (number,),
    )
    conn.execute("vacuum analyze t")
    track_table(conn, "public.t", key_columns=["id"])
    conn.execute(f"{settings or 'select'}")
    conn.execute(statement.encode())
    found = conn.execute(
        "select count(*), count(*) filter (where (new ->> 'a')::bigint <> (old ->> 'a')::bigint + 1000000000"
        " or old ->> 'b' <> 'o' || (old ->> 'a') or new ->> 'b' <> 'n' || (old ->> 'a')"
        " or (key ->> 'id')::bigint % 1000000000 <> (old ->> 'a')::bigint) from audit.change where operation = 'U'"
    ).fetchone()
    assert found is not None
    assert found[0] == pytest.approx(number * ALONE.get(name, 1), rel=0.05)
    assert found[1] == 0


@pytest.mark.one_server
def test_the_number_of_rows(capsys: pytest.CaptureFixture[str], server: TestServer) -> None:
    with capsys.disabled():
        sys.stdout.write(
            f"\npairing: {ROWS:,} rows on each server, {len(STATEMENTS)} plans, PostgreSQL {server.version}\n"
        )
    assert ROWS >= 1_000_000
