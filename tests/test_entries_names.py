"""How rows are called that have no name, whose name nobody knows, or that lose theirs in the save that deletes them."""

from __future__ import annotations

import pytest

from capture.catalogue import load_shipped
from capture.catalogue.own import with_own
from capture.entries.describe import entries
from capture.filters import Filters
from tests.saving import Connection, only, said, save

pytestmark = pytest.mark.one_server


@pytest.fixture
def loose(crm_conn: Connection) -> Connection:
    """Give the reference CRM where names may be missing."""
    for table in ("workflows", "users", "sales_sequences"):
        crm_conn.execute(f"ALTER TABLE crm.{table} ALTER name DROP NOT NULL".encode())
    crm_conn.execute("ALTER TABLE crm.sales_sequence_steps ALTER title DROP NOT NULL")
    return crm_conn


@pytest.mark.parametrize("name", ["NULL", "''", "'  '"])
def test_what_has_no_name_is_called_by_its_number(loose: Connection, name: str) -> None:
    cleared = only(save(loose, f"UPDATE workflows SET name = {name} WHERE id = 1"))
    assert cleared.sentence == "Cleared the name of workflow #1 (was: “Notify owner”)"
    assert cleared.entity_name == "workflow #1 (no name)"
    save(
        loose, f"UPDATE users SET name = {name} WHERE id = 4", f"UPDATE sales_sequences SET name = {name} WHERE id = 1"
    )
    told = [
        only(save(loose, statement)).sentence
        for statement in (
            "UPDATE workflows SET enabled = true WHERE id = 1",
            "DELETE FROM workflow_conditions WHERE id = 2",
            "INSERT INTO assignment_rule_users VALUES (1, 4)",
            "UPDATE sales_sequences SET exit_match_type = 'all' WHERE id = 1",
            f"UPDATE sales_sequence_steps SET title = {name}, delay_days = 9 WHERE id = 1",
            "UPDATE sales_sequence_steps SET delay_days = 8 WHERE id = 1",
            "UPDATE workflows SET name = 'Tell' WHERE id = 1",
            f"INSERT INTO workflows (id, account_id, name, target) VALUES (90, 1, {name}, 'deal')",
        )
    ]
    assert told == [
        "Enabled workflow #1 (no name)",
        "Removed condition “Stage is Won” from workflow #1 (no name)",
        "Gave user #4 (no name) access to rule “EU inbound”",
        "Exit conditions of #1 (no name) now match ALL (was: ANY) [OR → AND]",
        told[4],
        "Changed step 1 #1 (no name) of sequence #1 (no name): delay 9 → 8 days",
        "Named workflow #1 “Tell”",
        "Created workflow #90 (no name) (deals)",
    ]
    assert told[4].startswith("Changed step 1 “Intro email” of sequence #1 (no name): ")


def test_a_row_that_nobody_knows_is_called_by_its_number(crm_conn: Connection) -> None:
    crm_conn.execute("ALTER TABLE crm.assignment_rules DROP CONSTRAINT assignment_rules_territory_id_fkey")
    crm_conn.execute("ALTER TABLE crm.account_settings DROP CONSTRAINT account_settings_primary_contact_id_fkey")
    statements = (
        "INSERT INTO workflow_conditions VALUES (90, 1, 3, 'owner', 'is_in', '[4, 999]')",
        "UPDATE assignment_rules SET territory_id = 888 WHERE id = 1",
        "UPDATE account_settings SET primary_contact_id = 777",
    )
    assert [only(save(crm_conn, statement)).sentence for statement in statements] == [
        "Added condition “Owner is in Li Wei, user #999 (name unknown)” to workflow “Notify owner”",
        "Changed the territory of rule “EU inbound” from EMEA to territory #888 (name unknown)",
        "Changed the primary contact from Ana Admin to user #777 (name unknown)",
    ]


def test_a_row_that_is_gone_keeps_the_name_that_it_had(crm_conn: Connection) -> None:
    given = only(save(crm_conn, "INSERT INTO assignment_rule_users VALUES (1, 4)"))
    save(crm_conn, "DELETE FROM users WHERE id = 4")
    again = [entry for entry in entries(crm_conn, load_shipped()) if entry.id == given.id]
    assert said(again) == ["Gave Li Wei access to rule “EU inbound”"]


def test_a_save_that_deletes_and_renames_tells_both(crm_conn: Connection) -> None:
    gone = only(save(crm_conn, "UPDATE territories SET deleted_at = now(), name = 'EMEA (deleted 1)' WHERE id = 1"))
    assert (gone.type, gone.entity_name, gone.kinds) == (
        "Deleted",
        "EMEA",
        ("territory.deleted", "territory.name_updated"),
    )
    assert gone.descriptions == ("Deleted territory “EMEA”", "Renamed territory “EMEA” to “EMEA (deleted 1)”")
    back = only(save(crm_conn, "UPDATE territories SET deleted_at = NULL, name = 'Europe' WHERE id = 1"))
    assert (back.type, back.entity_name) == ("Updated", "Europe")
    assert back.descriptions == ("Restored territory “Europe”", "Renamed territory “EMEA (deleted 1)” to “Europe”")


def test_a_part_that_is_deleted_softly_goes_from_its_entity(crm_conn: Connection) -> None:
    crm_conn.execute("ALTER TABLE crm.sales_sequence_steps ADD gone boolean NOT NULL DEFAULT false")
    catalogue = load_shipped()
    tables = tuple(
        table.model_copy(update={"soft_delete": "gone", "phrase": ()})
        if table.name == "crm.sales_sequence_steps"
        else table
        for table in catalogue.table
    )
    catalogue = catalogue.model_copy(update={"table": tables})
    gone = only(save(crm_conn, "UPDATE sales_sequence_steps SET gone = true WHERE id = 1", catalogue=catalogue))
    assert gone.sentence == "Removed step “Intro email” from sequence “Welcome”"


@pytest.mark.parametrize("table", ["workflows", "territories", "assignment_rules", "sales_sequences"])
def test_an_account_is_called_by_the_name_of_its_time(crm_conn: Connection, table: str) -> None:
    save(crm_conn, "INSERT INTO accounts (id, name) VALUES (2, 'Bolt')")
    moved = only(save(crm_conn, f"UPDATE {table} SET account_id = 2 WHERE id = 1"))
    save(crm_conn, "UPDATE accounts SET name = 'Nut' WHERE id = 2", "UPDATE accounts SET name = 'Apex' WHERE id = 1")
    [again] = [entry for entry in entries(crm_conn, load_shipped(), Filters()) if entry.id == moved.id]
    assert again.sentence.startswith("Changed the account of ")
    assert again.sentence.endswith(" from Acme to Bolt")
    assert [(change.before, change.after) for change in again.changes] == [("Acme", "Bolt")]


def test_the_tables_of_the_log_are_known_beside_a_catalogue_that_was_in_use() -> None:
    catalogue = load_shipped()
    assert "audit.setting" not in catalogue.by_name
    assert with_own(catalogue).by_name["audit.setting"].module == "Audit log"
