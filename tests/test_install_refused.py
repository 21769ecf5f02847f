"""Installations that cannot be done whole: they say why, and leave nothing half-done."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fix_postgres import TestServer, login
from whochanged.cli import run

pytestmark = pytest.mark.one_server
Connection = psycopg.Connection[Any]

CATALOGUE = """
name = "shop"
[[table]]
name = "shop.orders"
module = "Shop"
entity = "order"
[[table]]
name = "shop.items"
module = "Shop"
entity = "item"
parent = { table = "shop.orders", key = "order_id" }
"""
TABLES = (
    "CREATE SCHEMA shop; CREATE TABLE shop.orders (id int PRIMARY KEY);"
    "CREATE TABLE shop.items (id int PRIMARY KEY, order_id int)"
)
OBJECTS = (
    "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'audit%' UNION ALL"
    " SELECT count(*) FROM pg_namespace WHERE nspname = 'audit'"
)


@pytest.fixture
def shop(empty_dsn: str) -> Iterator[Connection]:
    """Give a database with two tables and no log."""
    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        conn.execute(TABLES)
        yield conn


@pytest.fixture
def catalogue(tmp_path: Path) -> str:
    """Give the file of the catalogue of these tables."""
    path = tmp_path / "shop.toml"
    path.write_text(CATALOGUE)
    return str(path)


@pytest.fixture
def other(server: TestServer) -> Iterator[str]:
    """Give a role that may make roles and owns nothing."""
    name = f"other_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server.dsn(), autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {name} LOGIN CREATEROLE")
    yield name
    with psycopg.connect(server.dsn(), autocommit=True) as conn:
        conn.execute(f"DROP ROLE {name}")


def refused(capsys: pytest.CaptureFixture[str], dsn: str, catalogue: str) -> str:
    """Install, and return the one line that says why it was not done."""
    capsys.readouterr()
    assert run(["install", "--catalog", catalogue, "--dsn", dsn]) == 4
    said = capsys.readouterr().err.splitlines()
    assert len([line for line in said if line.startswith("whochanged: ")]) == 1, said
    return said[-1]


def untouched(conn: Connection) -> bool:
    """Return whether nothing of the log is there."""
    return conn.execute(OBJECTS).fetchall() == [(0,), (0,)]


def test_tables_of_somebody_else_are_named_before_anything_is_done(
    shop: Connection, empty_dsn: str, catalogue: str, other: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.execute(f"GRANT ALL ON DATABASE {shop.info.dbname} TO {other}; GRANT USAGE ON SCHEMA shop TO {other}")
    said = refused(capsys, login(empty_dsn, other), catalogue)
    assert (
        "shop.items belongs to postgres: install as this role, as a member of it, or as a superuser; shop.orders"
        in said
    )
    untouched_by_then = untouched(shop)
    shop.execute(f"DROP OWNED BY {other}")
    assert untouched_by_then


PARTITION = (
    "DROP TABLE shop.items; CREATE TABLE shop.all_items (id int, order_id int) PARTITION BY LIST (id);"
    "CREATE TABLE shop.items PARTITION OF shop.all_items DEFAULT"
)


@pytest.mark.parametrize(
    "ddl, reason",
    [
        ("CREATE TABLE shop.child () INHERITS (shop.items)", "shop.items takes part in plain inheritance"),
        (
            "CREATE TRIGGER audit_update BEFORE UPDATE ON shop.items EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "shop.items has a trigger audit_update of its own: rename it",
        ),
        (
            "DROP TABLE shop.items; CREATE VIEW shop.items AS SELECT 1 AS id, 2 AS order_id",
            "shop.items is a view: only tables can be tracked",
        ),
        (
            PARTITION,
            "shop.items is a partition: name its root shop.all_items instead",
        ),
    ],
)
def test_tables_that_cannot_be_tracked_are_named_before_anything_is_done(
    shop: Connection, empty_dsn: str, catalogue: str, ddl: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.execute(ddl)
    before = shop.execute(OBJECTS).fetchall()
    assert reason in refused(capsys, empty_dsn, catalogue)
    assert shop.execute(OBJECTS).fetchall() == before


CODE = "CREATE FUNCTION shop.own(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1'; CREATE INDEX bad ON shop.orders (shop.own(id))"


def test_a_first_installation_that_cannot_track_a_table_is_taken_back(
    shop: Connection, empty_dsn: str, catalogue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The code in the index shows only when the rows are to be read."""
    shop.execute(CODE)
    said = refused(capsys, empty_dsn, catalogue)
    assert "the index shop.bad of shop.orders runs code of its owner (nothing was installed)" in said
    assert untouched(shop)


def test_what_is_left_of_a_log_is_not_taken_back_with_an_installation_that_fails(
    shop: Connection, empty_dsn: str, catalogue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its settings are gone, and its changes are not: they were never this installation's."""
    assert run(["install", "--catalog", catalogue, "--dsn", empty_dsn]) == 0
    shop.execute("INSERT INTO shop.orders VALUES (1)")
    shop.execute("DROP TABLE audit.setting CASCADE; DROP TABLE audit.alembic_version")
    shop.execute(CODE)
    refused(capsys, empty_dsn, catalogue)
    kept = "SELECT count(*) FROM audit.change AS c JOIN audit.tracked_table AS t ON t.id = c.table_id WHERE t.table_name = 'shop.orders'"
    assert shop.execute(kept).fetchone() == (1,)


def test_a_later_installation_says_what_is_done_and_goes_on(
    shop: Connection, empty_dsn: str, catalogue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["install", "--dsn", empty_dsn]) == 0
    shop.execute(CODE)
    said = refused(capsys, empty_dsn, catalogue)
    assert (
        "(the log is installed, 0 of 2 tables of the catalogue are tracked, not yet shop.orders, shop.items: install again"
        in said
    )
    shop.execute("DROP INDEX shop.bad")
    assert run(["install", "--catalog", catalogue, "--dsn", empty_dsn]) == 0
    assert run(["status", "--dsn", empty_dsn]) == 0


def test_a_table_that_stays_locked_is_named_and_installing_again_goes_on(
    shop: Connection,
    empty_dsn: str,
    catalogue: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("capture.patience.LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr("capture.patience.pause", lambda _attempt: None)
    with psycopg.connect(empty_dsn) as other:
        other.execute("LOCK TABLE shop.items IN ROW EXCLUSIVE MODE")
        said = refused(capsys, empty_dsn, catalogue)
    assert "1 of 2 tables of the catalogue are tracked, not yet shop.items: install again to go on)" in said
    assert "the database is busy" in said
    tracked = "SELECT table_name FROM audit.tracked_table WHERE table_name LIKE 'shop.%'"
    assert shop.execute(tracked).fetchall() == [("shop.orders",)]
    assert run(["install", "--catalog", catalogue, "--dsn", empty_dsn]) == 0
    assert shop.execute(f"{tracked} ORDER BY 1").fetchall() == [("shop.items",), ("shop.orders",)]


def test_a_schema_audit_of_somebody_else_is_left_alone(
    shop: Connection, empty_dsn: str, catalogue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.execute("CREATE SCHEMA audit; CREATE TABLE audit.mine (a int)")
    assert "audit" in refused(capsys, empty_dsn, catalogue)
    assert shop.execute("SELECT count(*) FROM pg_class WHERE relnamespace = 'audit'::regnamespace").fetchone() == (1,)
    assert run(["uninstall", "--dsn", empty_dsn]) == 0
    assert shop.execute("SELECT to_regclass('audit.mine') IS NOT NULL").fetchone() == (True,)


def test_uninstalling_what_is_not_there_is_no_error(empty_dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    for more in ([], ["--keep-log"], ["--dry-run"]):
        assert run(["uninstall", *more, "--dsn", empty_dsn]) == 0
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("This database has no audit log: there is nothing to remove.")


def test_what_somebody_left_of_a_log_is_removed(shop: Connection, empty_dsn: str, catalogue: str) -> None:
    assert run(["install", "--catalog", catalogue, "--dsn", empty_dsn]) == 0
    shop.execute("DROP TABLE audit.setting CASCADE; DROP TABLE audit.tracked_table CASCADE")
    assert run(["uninstall", "--dsn", empty_dsn]) == 0
    assert untouched(shop)


FUNCTIONS = """
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'audit'::regnamespace LOOP
    -- One that another took with it has no name any more.
    IF name !~ '^[0-9]' THEN EXECUTE 'DROP ROUTINE ' || name || ' CASCADE'; END IF;
  END LOOP;
END $$"""


@pytest.mark.parametrize(
    "by_hand",
    [
        FUNCTIONS,
        "DROP OWNED BY audit_capture CASCADE",
        "DROP OWNED BY audit_reader",
        "DROP TABLE audit.alembic_version",
    ],
)
def test_a_log_that_was_removed_in_part_is_removed(
    shop: Connection, empty_dsn: str, catalogue: str, by_hand: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["install", "--catalog", catalogue, "--dsn", empty_dsn]) == 0
    shop.execute(by_hand.encode())
    capsys.readouterr()
    assert run(["uninstall", "--dsn", empty_dsn]) == 0
    assert capsys.readouterr().err == "Removed, the log too.\n"
    assert untouched(shop)


def test_a_log_whose_schema_was_given_away_is_not_called_gone(
    shop: Connection, empty_dsn: str, catalogue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["install", "--catalog", catalogue, "--dsn", empty_dsn]) == 0
    shop.execute("ALTER SCHEMA audit OWNER TO postgres")
    capsys.readouterr()
    for more in (["--dry-run"], []):
        assert run(["uninstall", *more, "--dsn", empty_dsn]) == 4
        assert "belongs to postgres: run  ALTER SCHEMA audit OWNER TO audit_owner" in capsys.readouterr().err
    shop.execute("ALTER SCHEMA audit OWNER TO audit_owner")
    assert run(["uninstall", "--dsn", empty_dsn]) == 0
    assert untouched(shop)


def test_roles_that_are_left_are_named_and_kept(
    shop: Connection, empty_dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["install", "--dsn", empty_dsn]) == 0
    shop.execute("DROP SCHEMA audit CASCADE")
    capsys.readouterr()
    assert run(["uninstall", "--dsn", empty_dsn]) == 0
    assert (
        "the roles audit_capture, audit_owner, audit_reader, audit_web: drop them where no other"
        in capsys.readouterr().err
    )
    assert shop.execute("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'audit\\_%'").fetchone() == (4,)
