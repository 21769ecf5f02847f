"""The index of entries is derived and disposable: it goes stale, is filled again, and goes with what is purged."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from capture import pages
from capture.catalogue import load_shipped
from capture.entries.describe import entries
from capture.filters import Filters
from capture.index.build import catch_up, forget, missing
from capture.index.terms import MOST
from capture.resources import query
from capture.retention import purge
from reports.export import csv_lines, json_lines
from reports.jobs import index_job
from tests.aging import age, value
from tests.commands import Capture, documents, refused, said
from tests.fix_postgres import login
from tests.saving import Connection, only, save

pytestmark = pytest.mark.one_server
WORDS = load_shipped()
RENAME = "UPDATE territories SET name = '{}' WHERE id = 1"


def indexed(conn: Connection, words: str = "") -> int:
    """Return how many entries the index has, those with a term alone where one is given."""
    return int(value(conn, "SELECT count(*) FROM audit.entry WHERE terms @@ %s::tsquery OR %s = ''", words, words))


def found(conn: Connection, **wish: Any) -> list[str]:
    """Return the sentences of what is found, and check that everything read one by one gives the same."""
    told = list(pages.entries(conn, WORDS, Filters(**wish)))
    assert told == list(entries(conn, WORDS, Filters(**wish)))
    return [entry.sentence for entry in told]


def test_another_catalogue_makes_the_index_stale_and_reading_goes_on(crm_conn: Connection) -> None:
    save(crm_conn, RENAME.format("Europe"))
    assert catch_up(crm_conn, WORDS) is not None
    assert missing(crm_conn, WORDS) == ([], 0)
    tables = [replace_entity(table) if table.name == "crm.territories" else table for table in WORDS.table]
    other = WORDS.with_tables(tuple(tables))
    assert len(missing(crm_conn, other)[0]) >= 2
    wish = Filters(entity="region Europe")
    assert [entry.entity for entry in pages.entries(crm_conn, other, wish)] == ["region"]
    report = catch_up(crm_conn, other)
    assert report is not None
    assert (report.filled, indexed(crm_conn)) == (1, 1)
    assert pages.count(crm_conn, other, wish).number == 1
    assert pages.count(crm_conn, WORDS, Filters(entity="territory Europe")).number == 1


def replace_entity(table: Any) -> Any:
    """Return a table that is called a region."""
    return table.model_copy(update={"entity": "region"})


def test_a_name_that_changed_before_the_last_change_of_an_indexed_save_is_found_by_both_names(
    crm_conn: Connection, crm_dsn: str
) -> None:
    """A rename that begins first and is finished last was not there when the save was put into words."""
    give = "INSERT INTO crm.assignment_rule_users VALUES (1, 4)"
    with psycopg.connect(crm_dsn) as slow:
        slow.execute("UPDATE crm.users SET name = 'Lee Way' WHERE id = 4")
        with psycopg.connect(crm_dsn) as held:
            # An open transaction with a number holds the watermark back; the one that gives access is finished before it.
            crm_conn.execute(give)
            assert catch_up(crm_conn, WORDS) is not None
            held.rollback()
        slow.commit()
    crm_conn.execute("SELECT pg_current_xact_id()")
    assert catch_up(crm_conn, WORDS) is not None
    assert found(crm_conn, search="lee way access") == ["Gave Lee Way access to rule “EU inbound”"]
    assert found(crm_conn, search="li wei access") == []


def test_a_rename_after_the_index_leaves_the_old_name_to_what_was_then(crm_conn: Connection) -> None:
    save(crm_conn, "INSERT INTO assignment_rule_users VALUES (1, 4)")
    catch_up(crm_conn, WORDS)
    save(crm_conn, "UPDATE users SET name = 'Lee Way' WHERE id = 4")
    assert len(found(crm_conn, search="li wei")) == 1
    catch_up(crm_conn, WORDS)
    assert value(crm_conn, "SELECT count(*) FROM audit.entry_name WHERE old ->> 'name' = 'Li Wei'") == 1
    assert found(crm_conn, search="li wei") == ["Gave Li Wei access to rule “EU inbound”"]
    assert found(crm_conn, search="lee way") == []


def test_doubt_is_kept_for_entries_that_were_told_too_early(crm_conn: Connection) -> None:
    save(crm_conn, RENAME.format("Europe"))
    catch_up(crm_conn, WORDS)
    last = value(crm_conn, "SELECT last_id FROM audit.entry")
    crm_conn.execute(query("index_doubt"), {"number": last})
    assert indexed(crm_conn, "'U'") == 0
    crm_conn.execute(query("index_doubt"), {"number": last - 1})
    assert indexed(crm_conn, "'U'") == 1
    assert found(crm_conn, search="nowhere") == []


def test_a_save_of_more_than_the_index_holds_is_found_by_any_of_it(crm_conn: Connection) -> None:
    save(
        crm_conn,
        "INSERT INTO workflow_conditions SELECT 100 + g, 1, 3 + g, 'stage', 'is', to_jsonb('word' || g) "
        f"FROM generate_series(1, {MOST}) AS g",
    )
    catch_up(crm_conn, WORDS)
    assert indexed(crm_conn, "'U'") == indexed(crm_conn) == 1
    assert len(found(crm_conn, search=f"word{MOST}")) == 1
    assert found(crm_conn, search="nowhere") == []
    assert pages.count(crm_conn, WORDS, Filters(search="nowhere")).number == 0


def test_the_index_goes_with_the_days_that_are_purged(crm_conn: Connection) -> None:
    old = only(save(crm_conn, RENAME.format("Europe")))
    save(crm_conn, RENAME.format("Asia"))
    with crm_conn.transaction():
        age(crm_conn, old.transaction_id, 24 * 95)
    catch_up(crm_conn, WORDS)
    day = (datetime.now(UTC) - timedelta(days=95)).date()
    assert value(crm_conn, "SELECT count(*) FROM audit.entry_day WHERE day = %s", day) == 1
    assert indexed(crm_conn) == 2
    assert value(crm_conn, "SELECT count(*) FROM audit.entry_name") == 2
    assert purge(crm_conn).notes == ()
    assert value(crm_conn, "SELECT to_regclass(%s)", f"audit.entry_{day:%Y%m%d}") is None
    assert value(crm_conn, "SELECT min(day) > %s FROM audit.entry_day", day)
    for table in ("entry_tally", "entry_sum"):
        assert value(crm_conn, f"SELECT count(*) FROM audit.{table} WHERE day <= %s", day) == 0
    assert value(crm_conn, "SELECT count(*) FROM audit.entry_name") == 1


def test_what_the_index_does_not_know_yet_is_not_counted_twice(crm_conn: Connection) -> None:
    save(crm_conn, RENAME.format("Europe"))
    catch_up(crm_conn, WORDS)
    save(crm_conn, RENAME.format("Asia"))
    assert pages.count(crm_conn, WORDS, Filters(modules=("Territories",))).number == 2
    catch_up(crm_conn, WORDS)
    assert pages.count(crm_conn, WORDS, Filters(modules=("Territories",))).number == 2


def test_every_process_takes_the_index_for_its_own(crm_conn: Connection, crm_dsn: str) -> None:
    """Sets have another order in each process: nothing of it may be in what the index is stamped with."""
    catch_up(crm_conn, WORDS)
    program = (
        "import sys, psycopg; from capture.catalogue import load_shipped; from capture.index.read import Reader; "
        "state = Reader(psycopg.connect(sys.argv[1]), load_shipped()).state; print(state.names, len(state.days))"
    )
    for seed in ("1", "2", "3"):
        command = [sys.executable, "-W", "ignore", "-c", program, crm_dsn]
        out = subprocess.run(
            command, env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True, text=True
        )
        assert out.stdout.split() == ["True", "2"]


def test_only_one_process_indexes_at_a_time(crm_conn: Connection, crm_dsn: str) -> None:
    with psycopg.connect(crm_dsn, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(2003332963, 3)")
        assert index_job(crm_conn) is None
    assert index_job(crm_conn) is not None


def test_a_reader_reads_by_the_index_and_cannot_change_it(crm_conn: Connection, crm_dsn: str) -> None:
    save(crm_conn, RENAME.format("Europe"))
    catch_up(crm_conn, WORDS)
    crm_conn.execute("DROP ROLE IF EXISTS ana; CREATE ROLE ana LOGIN IN ROLE audit_reader")
    try:
        with psycopg.connect(login(crm_dsn, "ana"), autocommit=True) as ana:
            assert pages.count(ana, WORDS, Filters(search="europe")).number == 1
            assert pages.tallies(ana, WORDS, Filters()).total == 1
            for table in ("entry", "entry_day", "entry_tally", "entry_sum", "entry_name", "entry_index"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    ana.execute(f"DELETE FROM audit.{table}")
    finally:
        crm_conn.execute("DROP ROLE ana")


def plans(conn: Connection, name: str, **parameters: Any) -> Iterator[dict[str, Any]]:
    """Yield every step of the plan of a query."""
    given = {"terms": "'None'", "first": None, "end": None, "after_at": None, "after_id": None, "after_place": None}
    row = conn.execute(
        b"EXPLAIN (FORMAT JSON) " + query(name).encode(), {**given, "limit": 10, **parameters}, prepare=False
    ).fetchone()
    assert row is not None
    steps = [row[0][0]["Plan"]]
    for step in steps:
        steps += step.get("Plans", [])
        yield step


def test_no_partition_outside_the_time_is_touched_and_none_is_read_whole(crm_conn: Connection) -> None:
    """Asserted on plans, of a log with some thousand entries in each of five days."""
    first = only(save(crm_conn, RENAME.format("Europe")))
    catch_up(crm_conn, WORDS)
    today = first.at.replace(hour=0, minute=0, second=0, microsecond=0)
    for day in range(1, 6):
        crm_conn.execute("SELECT audit.make_partition('entry', %s)", [(today - timedelta(days=day)).date()])
        crm_conn.execute(
            "INSERT INTO audit.entry SELECT %s + g * interval '10 seconds', '3', g, 0, ('Mx y' || g)::tsvector "
            "FROM generate_series(0, 4999) AS g",
            [today - timedelta(days=day)],
        )
    crm_conn.execute("ANALYZE audit.entry")
    span = {"first": today - timedelta(days=3), "end": today - timedelta(days=1)}
    inside = {f"entry_{today - timedelta(days=day):%Y%m%d}" for day in (2, 3)}
    for name in ("index_walk", "index_walk_up", "index_find", "index_find_up", "index_count"):
        steps = list(plans(crm_conn, name, terms="'y17' & 'Mx'", **span))
        assert {step["Relation Name"] for step in steps if "Relation Name" in step} == inside, name
        assert not [step for step in steps if step["Node Type"] == "Seq Scan"], name


def test_an_export_has_every_entry_in_bounded_memory(crm_conn: Connection) -> None:
    save(crm_conn, RENAME.format("=1+1"))
    (one,) = entries(crm_conn, WORDS)
    many = 20_000
    for lines, extra in ((csv_lines, 1), (json_lines, 0)):
        tracemalloc.start()
        try:
            number = sum(1 for _ in lines(replace(one, entity_name=f"=A{number}") for number in range(many)))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert number == many + extra
        assert peak < 2_000_000
    rows = list(csv.DictReader(io.StringIO("".join(csv_lines([replace(one, entity_name="=A1", actor="@x")])))))
    assert (rows[0]["entity_name"], rows[0]["actor"]) == ("'=A1", "'@x")


def test_export_writes_a_file_that_only_its_owner_reads(
    crm_conn: Connection, crm_dsn: str, tmp_path: Path, capsys: Capture
) -> None:
    save(crm_conn, RENAME.format("Europe"))
    save(crm_conn, RENAME.format("Asia"), actor="Ben Ito")
    out = tmp_path / "log.jsonl"
    assert said(capsys, "export", "--out", str(out), "--actor", "ben ito", "--dsn", crm_dsn) == (
        "",
        "1 entry written.\n",
    )
    assert [json.loads(line)["actor"] for line in out.read_text().splitlines()] == ["Ben Ito"]
    assert out.stat().st_mode & 0o777 == 0o600
    assert "--force" in refused(capsys, 2, "export", "--out", str(out), "--dsn", crm_dsn)
    said(capsys, "export", "--out", str(out), "--force", "--format", "csv", "--dsn", crm_dsn)
    assert len(out.read_text().splitlines()) == 3
    table, told = said(capsys, "export", "--dsn", crm_dsn)
    assert (len(table.splitlines()), told) == (3, "2 entries written.\n")
    assert "choose one" in refused(capsys, 2, "export", "--json", "--format", "csv", "--dsn", crm_dsn)


def test_the_command_indexes_what_is_missing_and_can_do_it_all_again(
    crm_conn: Connection, crm_dsn: str, capsys: Capture
) -> None:
    save(crm_conn, RENAME.format("Europe"))
    (would,) = documents(capsys, "index", "--dry-run", "--dsn", crm_dsn)
    assert would == {"days": 2, "transactions": 0}
    assert indexed(crm_conn) == 0
    (done,) = documents(capsys, "index", "--dsn", crm_dsn)
    assert (done["days"], done["filled"], indexed(crm_conn)) == (2, 1, 1)
    assert documents(capsys, "index", "--rebuild", "--dsn", crm_dsn)[0]["filled"] == 1
    forget(crm_conn)
    assert len(missing(crm_conn, WORDS)[0]) == 2
    assert [entry["type"] for entry in documents(capsys, "log", "--actor-kind", "user", "--dsn", crm_dsn)] == [
        "Updated"
    ]
    assert documents(capsys, "log", "--sensitivity", "high", "--dsn", crm_dsn) == []
