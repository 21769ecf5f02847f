"""Parts that go to another entity, perhaps of another account: each side reads its own half, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from capture.catalogue import load_shipped
from capture.entries.describe import entries
from capture.reading import Filters
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
    found = entries(conn, load_shipped(), Filters(**filters))
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
