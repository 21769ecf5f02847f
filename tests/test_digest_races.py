"""Cutting while others cut and write: one digest for each, and every committed change in exactly one of them."""

from __future__ import annotations

import random
import threading
import time
from itertools import pairwise
from typing import Any

import psycopg
import pytest

from tests.digests import ANA, BEN, add, cut, frozen, rename

Connection = psycopg.Connection[Any]

pytestmark = pytest.mark.one_server


def test_several_processes_cut_one_digest(crm_dsn: str, crm_conn: Connection) -> None:
    for email in (ANA, BEN):
        add(crm_conn, email)
    rename(crm_conn, "Europe")
    ready, made = threading.Barrier(4), []

    def work() -> None:
        with psycopg.connect(crm_dsn, autocommit=True) as conn:
            ready.wait()
            made.extend(cut(conn))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.email for one in made) == [ANA, BEN]
    assert [row.serial for row in frozen(crm_conn)] == [1, 1]


def test_who_holds_the_row_cuts(crm_dsn: str, crm_conn: Connection) -> None:
    add(crm_conn)
    with psycopg.connect(crm_dsn) as other:
        other.execute("SELECT FROM audit.recipient FOR UPDATE")
        assert cut(crm_conn) == []
        other.rollback()
    assert len(cut(crm_conn)) == 1


def test_writers_and_cutters_lose_nothing(crm_dsn: str, crm_conn: Connection) -> None:
    """Transactions end in another order than they began, some are rolled back; two processes cut all the while."""
    add(crm_conn, when_empty="never")
    crm_conn.execute(
        "INSERT INTO crm.territories (id, account_id, name, position) SELECT 50 + n, 1, n::text, 50 + n FROM generate_series(1, 4) AS n"
    )
    over, committed = threading.Event(), list[str]()

    def write(number: int) -> None:
        chance = random.Random(number)  # noqa: S311 - the same in each run
        with psycopg.connect(crm_dsn) as conn:
            for turn in range(40):
                name = f"Name {number}.{turn}"
                rename(conn, name, territory=50 + number)
                time.sleep(chance.random() / 50)
                if chance.random() < 0.2:
                    conn.rollback()
                    continue
                conn.commit()
                committed.append(name)

    def cut_on() -> None:
        with psycopg.connect(crm_dsn, autocommit=True) as conn:
            while not over.is_set():
                cut(conn, now=True)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(1, 5)]
    cutters = [threading.Thread(target=cut_on) for _ in range(2)]
    for thread in (*writers, *cutters):
        thread.start()
    for thread in writers:
        thread.join()
    over.set()
    for thread in cutters:
        thread.join()
    cut(crm_conn, now=True)
    rows = frozen(crm_conn)
    # Each save is one entry, so are the adding of the recipient and of the four territories.
    assert sum(row.entries for row in rows) == len(committed) + 1 + 4
    assert len(rows) > 1  # how many there are depends on the machine
    for one, two in pairwise(rows):
        assert (one.next_incarnation, one.next_xid, one.window_end) == (
            two.first_incarnation,
            two.first_xid,
            two.window_start,
        )
        assert two.serial == one.serial + 1
