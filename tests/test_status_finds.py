"""`whochanged status` exits 1 and says what to run: one test for each thing that can be amiss with the watch and the log."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from capture.install import track_table
from tests.aging import change, track
from tests.commands import Capture, documents, said

pytestmark = pytest.mark.one_server
Connection = psycopg.Connection[Any]

SHOP = """
CREATE SCHEMA shop;
CREATE TABLE shop.users (id int PRIMARY KEY, name text, phone text);
CREATE TABLE shop.discounts (id int PRIMARY KEY, title text, percent int, owner_id int);
"""

CATALOGUE = """
name = "Our shop"

[[table]]
name = "shop.users"
kind = "label"
entity = "user"
label = "name"

[[table]]
name = "shop.discounts"
module = "Pricing"
entity = "discount"
label = "title"
lookups = { owner_id = "shop.users.name" }

[table.columns]
percent = { label = "percentage" }
"""


@pytest.fixture
def shop(dsn: str, conn: Connection, tmp_path: Path, capsys: Capture) -> Path:
    """Give the file of the catalogue that is installed; its database is sound."""
    conn.execute(SHOP)
    file = tmp_path / "shop.toml"
    install(capsys, dsn, file, CATALOGUE)
    said(capsys, "status", "--dsn", dsn)
    return file


def install(capsys: Capture, dsn: str, file: Path, catalogue: str) -> None:
    """Write the catalogue and install it."""
    file.write_text(catalogue)
    said(capsys, "install", "--catalog", str(file), "--dsn", dsn)


def found(capsys: Capture, dsn: str, code: int = 1) -> tuple[str, dict[str, Any]]:
    """Return what `status` says to people and to programs; both end alike."""
    out, _ = said(capsys, "status", "--dsn", dsn, code=code)
    (document,) = documents(capsys, "status", "--dsn", dsn, code=code)
    assert document["sound"] is (code == 0)
    return out, document


def test_a_table_beside_tracked_ones_that_nobody_tracks(
    shop: Path, conn: Connection, dsn: str, capsys: Capture
) -> None:
    """Until the catalogue describes it, or leaves it out on purpose."""
    conn.execute(
        "CREATE TABLE shop.prices (id int PRIMARY KEY); CREATE TABLE shop.cart_1 (id int); CREATE TABLE elsewhere (id int)"
    )
    out, document = found(capsys, dsn)
    assert "! 2 tables are not tracked in schema shop, where others are: shop.cart_1, shop.prices: describe them" in out
    assert document["untracked"] == ["shop.cart_1", "shop.prices"]
    install(capsys, dsn, shop, 'untracked = ["shop.cart_*"]\n' + CATALOGUE)
    assert found(capsys, dsn)[1]["untracked"] == ["shop.prices"]
    install(
        capsys,
        dsn,
        shop,
        'untracked = ["shop.cart_*"]\n' + CATALOGUE + '[[table]]\nname = "shop.prices"\nentity = "price"\n',
    )
    found(capsys, dsn, 0)


def test_a_table_whose_watch_was_ended_is_left_out_on_purpose(conn: Connection, dsn: str, capsys: Capture) -> None:
    """That is how it is said without a catalogue."""
    conn.execute("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)")
    for name in ("a", "b"):
        track_table(conn, f"public.{name}")
    conn.execute("SELECT audit.untrack('b'::regclass)")
    found(capsys, dsn, 0)


def test_partitions_and_tables_of_extensions_are_not_asked_for(conn: Connection, dsn: str, capsys: Capture) -> None:
    conn.execute(
        "CREATE TABLE t (id int PRIMARY KEY) PARTITION BY LIST (id); CREATE TABLE t1 PARTITION OF t DEFAULT; CREATE TEMP TABLE x ();"
        "CREATE VIEW v AS SELECT 1; CREATE TABLE made_by_it (id int); "
        "ALTER EXTENSION plpgsql ADD TABLE made_by_it"
    )
    track_table(conn, "public.t")
    found(capsys, dsn, 0)


def test_a_table_of_the_catalogue_whose_watch_was_ended(
    shop: Path, conn: Connection, dsn: str, capsys: Capture
) -> None:
    conn.execute("SELECT audit.untrack('shop.discounts'::regclass)")
    out, document = found(capsys, dsn)
    assert "! in the catalogue and not tracked: shop.discounts: run  whochanged install" in out
    assert document["not_tracked"] == ["shop.discounts"]
    said(capsys, "install", "--dsn", dsn)
    found(capsys, dsn, 0)


def test_a_described_table_cannot_be_left_out_too(shop: Path, dsn: str, capsys: Capture) -> None:
    shop.write_text('untracked = ["shop.users"]\n' + CATALOGUE)
    _, err = said(capsys, "install", "--catalog", str(shop), "--dsn", dsn, code=3)
    assert "shop.users is described, and left out under untracked; take it out of one of them" in err


def test_a_column_without_words_is_a_remark_and_no_fault(
    shop: Path, conn: Connection, dsn: str, capsys: Capture
) -> None:
    """Keys, names and what is not recorded need none; what was added since needs no installation to be told."""
    conn.execute("ALTER TABLE shop.discounts ADD valid_until date, ADD password text")
    out, document = found(capsys, dsn, 0)
    assert "columns changed: valid_until (new), password (new): run  whochanged install" in out
    assert "- no label yet in the catalogue: shop.discounts: valid_until" in out
    said(capsys, "install", "--dsn", dsn)
    out, document = found(capsys, dsn, 0)
    assert document["wordless"] == {"shop.discounts": ["valid_until"]}
    install(capsys, dsn, shop, CATALOGUE + 'valid_until = { label = "end" }\n')
    assert found(capsys, dsn, 0)[1]["wordless"] == {}


def test_a_label_that_is_gone(shop: Path, conn: Connection, dsn: str, capsys: Capture) -> None:
    conn.execute("ALTER TABLE shop.discounts DROP title")
    out, _ = found(capsys, dsn)
    assert "columns gone: title: take them out of the catalogue, then run  whochanged install" in out
    assert "! shop.discounts.title, in shop.toml, table 2, label, is no column of this table" in out


def test_a_lookup_that_is_gone(shop: Path, conn: Connection, dsn: str, capsys: Capture) -> None:
    conn.execute("ALTER TABLE shop.users RENAME phone TO telephone")
    found(capsys, dsn, 0)
    conn.execute("ALTER TABLE shop.discounts RENAME owner_id TO owner")
    assert (
        "shop.discounts.owner_id, in shop.toml, table 2, lookups.owner_id, is no column of this table. Did you mean owner?: "
        "correct the catalogue, then run  whochanged install --catalog FILE"
    ) in found(capsys, dsn)[0]


def test_names_that_can_never_be_known(shop: Path, conn: Connection, dsn: str, capsys: Capture) -> None:
    """Nobody watches the table that they are taken from."""
    install(capsys, dsn, shop, CATALOGUE[CATALOGUE.index("[[table]]", 40) :])
    conn.execute("SELECT audit.untrack('shop.users'::regclass)")
    assert (
        "! shop.discounts.owner_id shows names of shop.users, which the catalogue does not describe: correct the catalogue"
        in found(capsys, dsn)[0]
    )


EXECUTE = "FOR EACH STATEMENT EXECUTE FUNCTION"
ALWAYS = "ALTER TABLE t ENABLE ALWAYS TRIGGER audit_update"
TRIGGERS = {
    "missing": ("DROP TRIGGER audit_update ON t", "triggers missing: audit_update"),
    "disabled": ("ALTER TABLE t DISABLE TRIGGER audit_update", "triggers disabled: audit_update"),
    "not always": (
        "ALTER TABLE t ENABLE TRIGGER audit_update",
        "triggers enabled, but not as they should be: audit_update",
    ),
    "for replicas only": (
        "ALTER TABLE t ENABLE REPLICA TRIGGER audit_update",
        "triggers enabled, but not as they should be: audit_update",
    ),
    "of another making": (
        f"CREATE OR REPLACE TRIGGER audit_update AFTER UPDATE ON t REFERENCING NEW TABLE AS new_rows {EXECUTE} audit.capture(); {ALWAYS}",
        "triggers not as this version makes them: audit_update",
    ),
    "of another function": (
        f"CREATE OR REPLACE TRIGGER audit_update AFTER UPDATE ON t {EXECUTE} suppress(); {ALWAYS}",
        "triggers not as this version makes them: audit_update",
    ),
}


@pytest.mark.parametrize("statement,expected", TRIGGERS.values(), ids=TRIGGERS)
def test_a_trigger(conn: Connection, dsn: str, capsys: Capture, statement: str, expected: str) -> None:
    track(conn)
    conn.execute("CREATE FUNCTION suppress() RETURNS trigger LANGUAGE plpgsql AS 'begin return null; end'")
    found(capsys, dsn, 0)
    conn.execute(statement.encode())
    out, document = found(capsys, dsn)
    assert "MISSED" in out
    assert f"{expected}: run  whochanged install" in out
    (told,) = (table["complaints"] for table in document["tables"] if table["table_name"] == "public.t")
    assert told == [f"{expected}: run  whochanged install"]


def test_a_partition_without_a_trigger(conn: Connection, dsn: str, capsys: Capture) -> None:
    conn.execute("CREATE TABLE t (id int PRIMARY KEY) PARTITION BY LIST (id)")
    track_table(conn, "public.t")
    conn.execute("CREATE TABLE t1 PARTITION OF t DEFAULT; DROP TRIGGER IF EXISTS audit_insert ON t1")
    out, _ = found(capsys, dsn)
    assert "partitions without triggers: t1: run  whochanged install" in out


@pytest.mark.parametrize(
    "version,expected",
    [("0.0.1", "installed by version 0.0.1"), ("99.0", "upgrade this program")],
    ids=["older", "newer"],
)
def test_a_log_of_another_version(conn: Connection, dsn: str, capsys: Capture, version: str, expected: str) -> None:
    conn.execute("UPDATE audit.setting SET value = %s WHERE name = 'version'", (version,))
    out, document = found(capsys, dsn)
    assert expected in out
    assert expected in document["problems"][0]


def test_a_purge_that_is_overdue(conn: Connection, dsn: str, capsys: Capture) -> None:
    track(conn)
    change(conn, hours=24 * 94)
    assert "! changes older than the retention are still there: run  whochanged purge" in found(capsys, dsn)[0]


@pytest.mark.parametrize(
    "alive,expected",
    [
        (False, "no scheduler runs: start  whochanged run,  or let cron run the jobs"),
        (True, "a scheduler runs, so look what it printed"),
    ],
)
def test_a_job_that_is_overdue(conn: Connection, dsn: str, capsys: Capture, alive: bool, expected: str) -> None:
    conn.execute(
        "INSERT INTO audit.job_run (job, due, started_at, finished_at, outcome, host, pid)"
        " SELECT 'purge', at, at, at, 'done', 'h', 1 FROM (SELECT now() - %s AS at) AS a",
        (timedelta(days=3),),
    )
    if alive:
        conn.execute("SELECT pg_advisory_lock(2003332963, 1)")
    assert f"! the last run of purge is 3 days old: {expected}" in found(capsys, dsn)[0]
