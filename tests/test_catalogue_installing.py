"""A catalogue against a database: refused with what to write instead, or installed as often as wanted."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from capture.catalogue import load_shipped
from capture.catalogue.checking import check, columns_of
from capture.catalogue.installing import (
    about_columns,
    install_catalogue,
    installed_catalogue,
    masked_columns,
    parents_first,
)
from capture.catalogue.model import Catalogue
from capture.coverage import coverage
from capture.errors import ConfigurationError, DatabaseError
from tests.saving import Connection

pytestmark = pytest.mark.one_server


def changed(number: int, **values: Any) -> Catalogue:
    """Return the shipped catalogue with one table's block changed."""
    shipped = load_shipped()
    tables = list(shipped.table)
    tables[number - 1] = tables[number - 1].model_copy(update=values)
    return shipped.model_copy(update={"table": tuple(tables)})


def number_of(name: str) -> int:
    return [table.name for table in load_shipped().table].index(name) + 1


def test_a_misspelt_table_is_refused_with_its_place_and_the_right_name(crm_conn: Connection) -> None:
    number = number_of("crm.territories")
    with pytest.raises(ConfigurationError) as refused:
        install_catalogue(crm_conn, changed(number, name="crm.teritories"))
    assert str(refused.value) == (
        f"crm.teritories, in cloudfon_cx.toml, table {number}, is no table of this database. Did you mean crm.territories?"
    )


def test_a_misspelt_column_is_refused_with_its_key(crm_conn: Connection) -> None:
    tables = columns_of(crm_conn)
    number = number_of("crm.workflows")
    with pytest.raises(
        ConfigurationError,
        match=rf"crm\.workflows\.nam, in .*, table {number}, label, is no column .* Did you mean name\?",
    ):
        check(changed(number, label="nam"), tables)
    with pytest.raises(
        ConfigurationError,
        match=r"crm\.users\.nme, .*lookups\.territory_id, is no column of crm\.users\. Did you mean crm\.users\.name",
    ):
        check(changed(number_of("crm.assignment_rules"), lookups={"territory_id": "crm.users.nme"}), tables)


def test_a_refused_catalogue_leaves_the_installed_one(crm_conn: Connection) -> None:
    with pytest.raises(ConfigurationError):
        install_catalogue(crm_conn, changed(1, name="crm.acounts"))
    assert installed_catalogue(crm_conn) == load_shipped()


def test_installing_twice_changes_nothing(crm_conn: Connection) -> None:
    def state() -> list[Any]:
        queries = (
            "SELECT * FROM audit.catalogue_table ORDER BY 1",
            "SELECT * FROM audit.catalogue_column ORDER BY 1, 2",
            "SELECT * FROM audit.tracked_table ORDER BY 1",
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger ORDER BY 1, 2",
        )
        return [crm_conn.execute(query.encode()).fetchall() for query in queries]

    before = state()
    assert len(install_catalogue(crm_conn, load_shipped())) == 16
    assert state() == before


def test_parents_stand_before_their_parts_and_names_before_all() -> None:
    order = [table.name for table in parents_first(load_shipped())]
    assert order.index("crm.workflows") < order.index("crm.workflow_actions")
    assert order.index("crm.assignment_rules") < order.index("crm.assignment_rule_users")
    assert set(order[:3]) == {"crm.accounts", "crm.users", "crm.plans"}


def test_columns_named_like_secrets_are_masked_and_never_kept_beside_a_change() -> None:
    shipped = load_shipped()
    actions = shipped.by_name["crm.workflow_actions"]
    columns = ("id", "workflow_id", "config", "api_key", "webhook_secret")
    assert masked_columns(actions, columns) == ["api_key", "webhook_secret"]
    assert about_columns(shipped, actions, columns) == ["id", "workflow_id", "config"]
    assert masked_columns(actions.model_copy(update={"masked": ()}), columns) == []


def test_plans_keep_the_rank_that_phrases_need() -> None:
    shipped = load_shipped()
    assert about_columns(shipped, shipped.by_name["crm.plans"], ("id", "code", "name", "tier_rank")) == [
        "name",
        "tier_rank",
    ]


def test_no_writer_waits_behind_an_installation_that_waits_itself(
    crm_dsn: str, crm_conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One table is held by an open transaction: the others stay writable, and the installation gives up in one line."""
    monkeypatch.setattr("capture.patience.LOCK_TIMEOUT", "100ms")
    monkeypatch.setattr("capture.patience.pause", lambda _attempt: None)
    crm_conn.execute("DROP TRIGGER audit_update ON crm.workflows; DROP TRIGGER audit_update ON crm.territories")
    with psycopg.connect(crm_dsn) as open_one:
        open_one.execute("UPDATE crm.workflows SET name = name || '!' WHERE id = 1")
        with pytest.raises(DatabaseError, match="the database is busy"):
            install_catalogue(crm_conn, load_shipped())
        with psycopg.connect(crm_dsn, autocommit=True) as writer:
            writer.execute("SET lock_timeout = '1s'")
            writer.execute("UPDATE crm.territories SET name = name || '!' WHERE id = 1")
    install_catalogue(crm_conn, load_shipped())
    assert all(table.ok for table in coverage(crm_conn))
