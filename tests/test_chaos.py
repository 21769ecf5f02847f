"""Eight writers, deadlocks, cancelled statements, killed backends, and a server that is killed ten times: data and log agree."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from capture.errors import DatabaseError
from capture.install import install, track_table
from tests.chaos import SETUP, Writer, agree
from tests.fix_postgres import NEWEST, OPTIONS, find_programs, memory_folder, missing
from whochanged.embedded import Server

SECONDS = float(os.environ.get("WHOCHANGED_CHAOS_SECONDS", "60"))
KILLS = 10
WRITERS = 8
SOON = 60.0


def again(server: Server) -> None:
    """Start a server that was killed; its last processes may need a moment to notice."""
    end = time.monotonic() + SOON
    while True:
        try:
            server.start()
            psycopg.connect(server.dsn(), connect_timeout=5).close()
        except (DatabaseError, psycopg.Error):
            assert time.monotonic() < end, (server.data / "server.log").read_text()[-2000:]
            time.sleep(0.2)
        else:
            return


def kill(server: Server) -> None:
    """Kill the postmaster that this test started, as a machine does that loses its power."""
    os.kill(int((server.data / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)


@pytest.mark.timeout(SECONDS + 240)
def test_whatever_happens_data_and_log_agree(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    programs = find_programs(NEWEST)
    if programs is None:
        missing(f"PostgreSQL {NEWEST} is not installed here")
    folder = tmp_path_factory.mktemp("chaos") if memory_folder() is None else Path(memory_folder() or "")
    data = folder / f"whochanged-chaos-{os.getpid()}"
    # Synchronous commits: what was told to be committed must be there.
    server = Server(programs, data / "data", {**OPTIONS, "synchronous_commit": "on"}, sync=False)
    data.mkdir(mode=0o755)
    server.start()
    go, stop = threading.Event(), threading.Event()
    writers = [Writer(server.dsn, go, stop, seed) for seed in range(WRITERS)]
    try:
        with psycopg.connect(server.dsn(), autocommit=True) as conn:
            conn.execute("create type mood as enum ('sad', 'glad')")
            conn.execute(SETUP)
            install(conn)
            track_table(conn, "public.parent", label_column="name", account_column="account", registered=True)
            track_table(conn, "public.child", parent_table="public.parent", parent_columns=["parent_id"])
            track_table(conn, "public.parted")
            track_table(conn, "public.loose")
        for writer in writers:
            writer.start()
        changes = 0
        for _ in range(KILLS):
            go.set()
            time.sleep(SECONDS / KILLS)
            kill(server)
            go.clear()
            again(server)
            for writer in writers:
                assert writer.still.wait(SOON), writer.name
            with psycopg.connect(server.dsn(), autocommit=True) as conn:
                changes = agree(conn)
    finally:
        stop.set()
        go.set()
        server.stop()
        for writer in writers:
            writer.join(SOON)
        shutil.rmtree(data, ignore_errors=True)
    did = sum((writer.did for writer in writers), Counter[str]())
    with capsys.disabled():
        sys.stdout.write(f"\nchaos: {changes:,} changes, {dict(did.most_common())}\n")
    assert [said for writer in writers for said in writer.unexpected] == []
    assert did["committed"] > 100
    assert changes > 1000
