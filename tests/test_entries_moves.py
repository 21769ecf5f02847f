"""Parts that go to another entity, perhaps of another account: each side reads its own half, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from capture.catalogue import load_shipped
from capture.catalogue.model import Catalogue
from capture.entries.describe import entries
from capture.filters import Filters
from capture.install import track_table
from tests.saving import Connection, save

pytestmark = pytest.mark.one_server

OTHER = (
    "INSERT INTO accounts (id, name) VALUES (2, 'Bolt')",
    "INSERT INTO workflows (id, account_id, name, target) VALUES (7, 2, 'Theirs', 'deal')",
)
TO_OLD_FLOW = "UPDATE workflow_conditions SET workflow_id = 2 WHERE id = 1"
TO_THEIRS = "UPDATE workflow_conditions SET workflow_id = 7, value = '9000' WHERE id = 1"


@pytest.fixture
def two(crm_conn: Connection) -> Connection:
    """Give the reference CRM with a second account."""
    save(crm_conn, *OTHER)
    return crm_conn


def told(conn: Connection, **filters: Any) -> list[tuple[str, str]]:
    """Return entity and sentence of each entry about a workflow's conditions."""
    found = [entry for entry in entries(conn, load_shipped(), Filters(**filters)) if entry.module != "Audit log"]
    return [(entry.entity_name, text) for entry in found for text in entry.descriptions if "condition" in text]


REMOVED = ("Notify owner", "Removed condition “Amount > 5,000” from workflow “Notify owner”")


def test_a_part_that_goes_to_another_entity_is_in_the_history_of_both(crm_conn: Connection) -> None:
    save(crm_conn, TO_OLD_FLOW)
    added = ("Old flow", "Added condition “Amount > 5,000” to workflow “Old flow”")
    assert sorted(told(crm_conn)) == [REMOVED, added]
    assert told(crm_conn, row=("crm.workflows", "1")) == [REMOVED]
    assert told(crm_conn, row=("crm.workflows", "2")) == [added]


def test_an_account_learns_nothing_of_the_other_one_that_a_part_went_to(two: Connection) -> None:
    save(two, TO_THEIRS)
    added = ("Theirs", "Added condition “Amount > 9,000” to workflow “Theirs”")
    assert told(two, account="1") == [REMOVED]
    assert told(two, account="2") == [added]
    for account, hidden in (("1", ("9,000", "Theirs")), ("2", ("5,000", "Notify owner"))):
        everything = repr(
            [entry for entry in entries(two, load_shipped(), Filters(account=account)) if "condition" in entry.sentence]
        )
        assert not [word for word in hidden if word in everything]


def test_a_part_that_comes_back_in_the_same_save_was_nowhere_else(two: Connection) -> None:
    save(two, TO_THEIRS, "UPDATE workflow_conditions SET workflow_id = 1 WHERE id = 1")
    assert told(two, account="2") == []
    assert told(two, account="1") == [
        ("Notify owner", "Changed a condition of workflow “Notify owner” from “Amount > 5,000” to “Amount > 9,000”")
    ]


def test_an_entity_that_changes_its_account_is_for_both_to_read(two: Connection) -> None:
    save(two, "UPDATE workflows SET account_id = 2 WHERE id = 1")
    moved = [entries(two, load_shipped(), Filters(account=account, row=("crm.workflows", "1"))) for account in "12"]
    assert [[(entry.account, entry.former_account) for entry in found] for found in moved] == [[("2", "1")]] * 2


def test_developers_find_both_accounts_in_the_view(two: Connection) -> None:
    save(two, TO_THEIRS)
    found = two.execute(
        "SELECT account, former_account FROM audit.log WHERE table_name = 'crm.workflow_conditions' AND operation = 'UPDATE'"
    ).fetchall()
    assert found == [("2", "1")]
    fields = two.execute("SELECT DISTINCT former_account FROM audit.log_field WHERE field = 'workflow_id'").fetchall()
    assert ("1",) in fields


INSERT = "INSERT INTO workflow_conditions VALUES (50, {workflow}, 9, 'amount', 'gt', '777')"
MOVE = "UPDATE workflow_conditions SET workflow_id = {workflow} WHERE id = {id}"


def test_a_part_moved_and_deleted_in_one_save_was_removed_from_where_it_was(two: Connection) -> None:
    save(two, TO_THEIRS, "DELETE FROM workflow_conditions WHERE id = 1")
    assert told(two, account="1") == [REMOVED]
    assert told(two, account="2") == []
    assert told(two, row=("crm.workflows", "1")) == [REMOVED]


def test_a_part_added_and_moved_in_one_save_was_added_where_it_is(two: Connection) -> None:
    save(two, INSERT.format(workflow=1), MOVE.format(workflow=7, id=50))
    assert told(two, account="1") == []
    assert told(two, account="2") == [("Theirs", "Added condition “Amount > 777” to workflow “Theirs”")]


@pytest.mark.parametrize("first", ["the part", "the entity"])
def test_an_entity_that_moves_takes_nothing_of_its_new_account_with_it(two: Connection, first: str) -> None:
    """A part that was added after the move is not for the former account; the new one reads the move whatever came first."""
    both = [INSERT.format(workflow=1), "UPDATE workflows SET account_id = 2 WHERE id = 1"]
    found = save(two, *(both if first == "the part" else both[::-1]))
    assert len({entry.id for entry in found}) == 2
    moved = "Changed the account of workflow “Notify owner” from Acme to Bolt"
    added = "Added condition “Amount > 777” to workflow “Notify owner”"
    read = {
        account: {
            text for entry in entries(two, load_shipped(), Filters(account=account)) for text in entry.descriptions
        }
        for account in "12"
    }
    assert [moved in read[account] for account in "12"] == [True, True]
    assert [added in read[account] for account in "12"] == ([True, False] if first == "the part" else [False, True])


def test_rows_without_a_key_are_told_to_their_own_accounts(conn: Connection) -> None:
    conn.execute("CREATE TABLE notes (account int, v text)")
    track_table(conn, "public.notes", account_column="account")
    conn.execute("INSERT INTO notes VALUES (1, 'of one'), (2, 'of two')")
    catalogue = Catalogue.model_validate({"name": "x", "table": [{"name": "public.notes", "entity": "note"}]})
    found = list(entries(conn, catalogue))
    assert sorted((entry.account, "of one" in entry.sentence, "of two" in entry.sentence) for entry in found) == [
        ("1", True, False),
        ("2", False, True),
    ]
    assert len({entry.id for entry in found}) == 2


def test_what_goes_to_an_entity_of_an_unknown_account_is_no_longer_told_to_the_former_one(two: Connection) -> None:
    two.execute("ALTER TABLE crm.workflow_conditions DROP CONSTRAINT workflow_conditions_workflow_id_fkey")
    save(two, "UPDATE workflow_conditions SET value = '6000' WHERE id = 1", MOVE.format(workflow=999, id=1))
    assert told(two, account="1") == [REMOVED]
    assert len(told(two)) == 2


def test_a_part_deleted_here_and_inserted_there_under_its_key_is_told_to_both(two: Connection) -> None:
    again = "INSERT INTO workflow_conditions VALUES (1, 7, 1, 'amount', 'gt', '9000')"
    save(two, "DELETE FROM workflow_conditions WHERE id = 1", again)
    assert told(two, account="1") == [REMOVED]
    assert told(two, account="2") == [("Theirs", "Added condition “Amount > 9,000” to workflow “Theirs”")]


def test_parts_that_follow_the_new_key_of_their_entity_went_nowhere(two: Connection) -> None:
    two.execute("ALTER TABLE crm.workflow_conditions DROP CONSTRAINT workflow_conditions_workflow_id_fkey")
    two.execute("ALTER TABLE crm.workflow_actions DROP CONSTRAINT workflow_actions_workflow_id_fkey")
    save(
        two,
        "UPDATE workflows SET id = 70 WHERE id = 1",
        "UPDATE workflow_conditions SET workflow_id = 70 WHERE workflow_id = 1",
    )
    assert [text for _, text in told(two) if text.startswith(("Removed", "Added"))] == []
