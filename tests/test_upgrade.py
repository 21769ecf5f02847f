"""Upgrading a log that is in use: nothing is lost, and no business write dies of it."""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg
import pytest

from capture.coverage import coverage, outdated_objects
from capture.install import install, install_script, track_table
from tests.test_capture_rows import log

Connection = psycopg.Connection[Any]

BACK = """
drop view audit.log_field, audit.log, audit.all_change;
alter table audit.change drop column former_root_table_id, drop column former_root_key, drop column former_account, drop column partition;
alter table audit.change_spill drop column former_root_table_id, drop column former_root_key, drop column former_account,
  drop column partition;
update audit.alembic_version set version_num = '0002';
"""
WAITS = (
    "select count(*) from pg_locks where not granted and relation = 'audit.tracked_table'::regclass"
    " and mode = 'AccessExclusiveLock'"
)


@pytest.mark.parametrize("how", ["install", "script"])
def test_an_upgrade_waits_for_a_writer_and_the_writer_for_nobody(conn: Connection, dsn: str, how: str) -> None:
    """A transaction that has only looked its table up holds the registry, and takes the log later: the order of every capture."""
    conn.execute("create table t (id int primary key, v int); insert into t values (1, 1)")
    track_table(conn, "public.t")
    failures: list[BaseException] = []

    def upgrade() -> None:
        try:
            with psycopg.connect(dsn, autocommit=True) as other:
                if how == "install":
                    install(other)
                else:
                    script = install_script().replace("\\set ON_ERROR_STOP on", "").replace("'2s'", "'20s'")
                    other.execute(script.encode())
        except psycopg.Error as error:
            failures.append(error)

    with psycopg.connect(dsn) as writer:
        # Its function was there before the upgrade: the log lacks the columns that it would write, so it only looks.
        writer.execute("update t set v = v")
        conn.execute(BACK)
        thread = threading.Thread(target=upgrade)
        thread.start()
        end = time.monotonic() + 30
        while conn.execute(WAITS).fetchone() == (0,):
            assert time.monotonic() < end
            time.sleep(0.01)
        # What the upgrade holds so far must not be the log.
        writer.execute("select count(*) from audit.change")
        writer.execute("lock table audit.change in row exclusive mode nowait")
        writer.commit()
        thread.join(60)
    assert not thread.is_alive()
    assert failures == []
    assert outdated_objects(conn) == []
    conn.execute("insert into t values (2, 2); update t set v = 3")
    assert [row[0] for row in log(conn)] == ["INSERT", "UPDATE", "UPDATE"]
    assert all(table.ok for table in coverage(conn))
