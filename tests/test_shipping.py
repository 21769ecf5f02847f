"""Shipping: each entry at least once, in order, never missed, whoever dies in the middle."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from capture.errors import DatabaseError, UsageError
from capture.window import Watermark
from reports.shipping.cursors import cursors, lost, place, remove
from reports.shipping.ship import File, Shape, Stream, ship
from tests.digests import CATALOGUE, rename

Connection = psycopg.Connection[Any]

ROOT = Path(__file__).resolve().parent.parent
SHAPE = Shape("ocsf", "Cloudfon CX", "0.2.0", "app")

pytestmark = pytest.mark.one_server


def shipped(conn: Connection, name: str = "siem") -> list[dict[str, Any]]:
    """Ship what is new, and return the events."""
    out = io.BytesIO()
    ship(conn, CATALOGUE, name, place(conn, name), SHAPE, Stream(out))
    return [json.loads(line) for line in out.getvalue().splitlines()]


def names(events: list[dict[str, Any]]) -> list[str]:
    """Return the new names that events tell."""
    return [
        one["entity_result"]["data"]["crm.territories[1].name"]
        for one in events
        if "crm.territories[1].name" in one.get("entity_result", {}).get("data", {})
    ]


def test_a_cursor_goes_on_where_it_ended(crm_conn: Connection) -> None:
    rename(crm_conn, "One")
    rename(crm_conn, "Two")
    assert names(shipped(crm_conn)) == ["One", "Two"]
    assert shipped(crm_conn) == []
    rename(crm_conn, "Three")
    assert names(shipped(crm_conn)) == ["Three"]
    assert names(shipped(crm_conn, "other")) == ["One", "Two", "Three"]
    (siem, _) = sorted(cursors(crm_conn), key=lambda cursor: cursor.name, reverse=True)
    assert siem.name == "siem"
    assert siem.reached_at is not None


def test_looking_again_and_again_moves_nothing(crm_conn: Connection) -> None:
    """What moves a cursor is a transaction itself, which must not be a reason to move it."""
    rename(crm_conn, "One")
    shipped(crm_conn)
    before = place(crm_conn, "siem")
    for _ in range(3):
        assert shipped(crm_conn) == []
    assert place(crm_conn, "siem") == before


def test_what_an_open_transaction_holds_back_comes_in_order_when_it_ends(crm_conn: Connection, crm_dsn: str) -> None:
    rename(crm_conn, "One")
    with psycopg.connect(crm_dsn) as slow:
        slow.execute("UPDATE crm.territories SET description = 'slow' WHERE id = 2")
        rename(crm_conn, "Two")
        assert names(shipped(crm_conn)) == ["One"]
        slow.commit()
    events = shipped(crm_conn)
    assert names(events) == ["Two"]
    assert [one["unmapped"]["transaction_id"] for one in events] == sorted(
        one["unmapped"]["transaction_id"] for one in events
    )
    assert len(events) == 2


def test_a_new_cursor_begins_where_it_is_told(crm_conn: Connection) -> None:
    rename(crm_conn, "One")
    time.sleep(0.01)
    since = datetime.now(UTC)
    time.sleep(0.01)
    rename(crm_conn, "Two")
    place(crm_conn, "late", since)
    place(crm_conn, "now", "now")
    rename(crm_conn, "Three")
    assert names(shipped(crm_conn, "late")) == ["Two", "Three"]
    assert names(shipped(crm_conn, "now")) == ["Three"]
    assert remove(crm_conn, "now")
    assert not remove(crm_conn, "now")
    with pytest.raises(UsageError, match="no name of a cursor"):
        place(crm_conn, "a b\n")


def test_after_a_move_to_another_cluster_both_are_told_in_order(crm_conn: Connection) -> None:
    rename(crm_conn, "Old")
    shipped(crm_conn)
    rename(crm_conn, "Last of the old")
    # As if the cluster had been another until now, with higher numbers.
    crm_conn.execute("UPDATE audit.incarnation SET system_identifier = 1")
    crm_conn.execute("SELECT audit.note_incarnation()")
    rename(crm_conn, "First of the new")
    assert names(shipped(crm_conn)) == ["Last of the old", "First of the new"]
    assert place(crm_conn, "siem").incarnation == 2


def test_two_under_one_name_do_not_pass_each_other(crm_conn: Connection, crm_dsn: str) -> None:
    rename(crm_conn, "One")
    stale = place(crm_conn, "siem")
    shipped(crm_conn)
    rename(crm_conn, "Two")
    with pytest.raises(DatabaseError, match="another process ships under the name 'siem'"):
        ship(crm_conn, CATALOGUE, "siem", stale, SHAPE, Stream(io.BytesIO()))
    assert names(shipped(crm_conn)) == ["Two"]


def test_who_dies_after_writing_and_before_moving_writes_it_again_under_the_same_ids(crm_conn: Connection) -> None:
    class Dying(Stream):
        """Writes, and dies."""

        def write(self, lines: bytes) -> None:
            super().write(lines)
            raise KeyboardInterrupt

    rename(crm_conn, "One")
    out = io.BytesIO()
    with pytest.raises(KeyboardInterrupt):
        ship(crm_conn, CATALOGUE, "siem", place(crm_conn, "siem"), SHAPE, Dying(out))
    again = shipped(crm_conn)
    assert [json.loads(line) for line in out.getvalue().splitlines()] == again
    assert names(again) == ["One"]


def test_what_a_purge_took_before_it_was_shipped_is_said(crm_conn: Connection) -> None:
    place(crm_conn, "siem")
    crm_conn.execute("UPDATE audit.shipping_cursor SET reached_at = '2026-01-05', moved_at = '2026-01-06'")
    assert lost(crm_conn, "siem") is None
    crm_conn.execute(
        "INSERT INTO audit.purge (first_day, last_day, changes, bytes, retention_days) VALUES ('2026-01-01', '2026-01-09', 5, 1, 90)"
    )
    days = lost(crm_conn, "siem")
    assert days is not None
    assert [f"{day}" for day in days] == ["2026-01-05", "2026-01-09"]


def test_a_torn_line_is_taken_away_and_a_moved_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"a":1}\n{"b":' + b"x" * 100_000)
    file = File(path)
    assert path.read_bytes() == b'{"a":1}\n'
    file.write(b'{"b":2}\n')
    path.rename(tmp_path / "log.1.jsonl")
    file.write(b'{"c":3}\n')
    file.close()
    assert (tmp_path / "log.1.jsonl").read_bytes() == b'{"a":1}\n{"b":2}\n'
    assert path.read_bytes() == b'{"c":3}\n'
    assert path.stat().st_mode & 0o007 == 0
    with pytest.raises(UsageError, match="choose another file"):
        File(tmp_path)


@contextmanager
def writers(dsn: str, number: int, seconds: float) -> Iterator[list[str]]:
    """Let some connections change things at once: some roll back, some take their time, so that they end out of order."""
    committed: list[str] = []
    end = time.monotonic() + seconds

    def work(me: int) -> None:
        with psycopg.connect(dsn) as conn:
            count = 0
            while time.monotonic() < end:
                count += 1
                name = f"w{me}-{count}"
                conn.execute(
                    "INSERT INTO crm.territories (account_id, name, position) VALUES (1, %s, %s)",
                    (name, (me + 1) * 5_000 + count),
                )
                time.sleep((me * 7 + count) % 5 / 100)
                if count % 6 == 0:
                    conn.rollback()
                    continue
                conn.commit()
                committed.append(name)

    threads = [threading.Thread(target=work, args=(me,)) for me in range(number)]
    for thread in threads:
        thread.start()
    try:
        yield committed
    finally:
        for thread in threads:
            thread.join()


def shipper(dsn: str, out: Path, *more: str) -> subprocess.Popen[bytes]:
    """Start a process that ships to a file."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PG", "WHOCHANGED_"))}
    command = [sys.executable, "-c", "from whochanged.cli import main; main()", "ship", "run", "siem", "--dsn", dsn]
    return subprocess.Popen(
        [*command, "--out", str(out), "--poll", "0.1", *more], cwd=ROOT, env={**kept, "PYTHONPATH": str(ROOT)}
    )


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the events of a file, of which the last line may be torn."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]] if path.exists() else []


def test_killed_again_and_again_amid_writers_nothing_is_missed_and_all_is_in_order(
    crm_dsn: str, crm_conn: Connection, tmp_path: Path
) -> None:
    """SIGKILL at any moment; afterwards every committed row is in the file, and what is there twice has one id."""
    out, kills = tmp_path / "log.jsonl", 0
    with writers(crm_dsn, 4, 8) as committed:
        end = time.monotonic() + 8
        while time.monotonic() < end:
            size = out.stat().st_size if out.exists() else 0
            process = shipper(crm_dsn, out, "--follow")
            began = time.monotonic()
            while time.monotonic() - began < 5 and (not out.exists() or out.stat().st_size == size):
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    assert shipper(crm_dsn, out).wait(60) == 0
    events = lines(out)
    told = [one["entity"]["name"] for one in events if one["entity"]["name"].startswith("w")]
    assert set(told) == set(committed)
    ids = [one["metadata"]["uid"] for one in events]
    first = list({one["metadata"]["uid"]: one["unmapped"]["transaction_id"] for one in events}.values())
    assert first == sorted(first)
    assert len(committed) > 50
    assert kills >= 2
    sys.stdout.write(f"{len(committed)} commits, {kills} kills, {len(ids) - len(set(ids))} lines twice, none missed\n")


def test_it_ends_when_it_is_asked_to_and_keeps_its_place(crm_dsn: str, crm_conn: Connection, tmp_path: Path) -> None:
    rename(crm_conn, "One")
    out = tmp_path / "log.jsonl"
    process = shipper(crm_dsn, out, "--follow")
    end = time.monotonic() + 30
    while not lines(out):
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert shipped(crm_conn) == []
    assert place(crm_conn, "siem") > Watermark(1, 0)
