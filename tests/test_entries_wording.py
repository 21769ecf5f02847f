"""Sentences about what has no name, no key, or more than one change at once."""

from __future__ import annotations

from decimal import Decimal

import pytest

from capture.entries.values import decimals, money
from tests.saving import Connection, only, said, save

pytestmark = pytest.mark.one_server


@pytest.mark.parametrize(
    "amount, currency, expected",
    [
        ("1000", "JPY", "JPY 1,000"),
        ("1000.25", "JPY", "JPY 1,000.25"),
        ("1000.00", "JPY", "JPY 1,000"),
        ("0.005", "EUR", "EUR 0.005"),
        ("12.5", "EUR", "EUR 12.50"),
        ("1E+3", "USD", "USD 1,000.00"),
    ],
)
def test_no_amount_is_rounded(amount: str, currency: str, expected: str) -> None:
    assert money(Decimal(amount), currency) == expected
    assert decimals("no number", 2) == "no number"


def test_an_account_is_named(crm_conn: Connection) -> None:
    save(crm_conn, "INSERT INTO accounts (id, name) VALUES (2, 'Bolt')")
    moved = only(save(crm_conn, "UPDATE workflows SET account_id = 2 WHERE id = 1"))
    assert moved.sentence == "Changed the account of workflow “Notify owner” from Acme to Bolt"


def test_what_has_lost_its_name_goes_by_its_number(crm_conn: Connection) -> None:
    for statement, sentence in (
        ("UPDATE workflows SET name = ' ' WHERE id = 1", "Cleared the name of workflow #1 (was: “Notify owner”)"),
        ("UPDATE workflows SET enabled = true WHERE id = 1", "Enabled workflow #1 (no name)"),
        ("UPDATE workflows SET name = 'Tell' WHERE id = 1", "Named workflow #1 “Tell”"),
        (
            "INSERT INTO workflows (id, account_id, name, target) VALUES (9, 1, '', 'deal')",
            "Created workflow #9 (no name) (deals)",
        ),
        ("DELETE FROM workflows WHERE id = 9", "Deleted workflow #9 (no name)"),
    ):
        assert only(save(crm_conn, statement)).sentence == sentence


def test_an_empty_text_and_nothing_are_not_told_alike(crm_conn: Connection) -> None:
    save(crm_conn, "UPDATE territories SET description = NULL WHERE id = 1")
    emptied = save(crm_conn, "UPDATE territories SET description = '' WHERE id = 1")
    assert said(emptied) == ["Changed the description of territory “EMEA” from nothing to an empty text"]


def test_a_territory_renamed_and_deleted_in_one_save_says_both(crm_conn: Connection) -> None:
    gone = only(save(crm_conn, "UPDATE territories SET name = 'Europe', deleted_at = now() WHERE id = 1"))
    assert (gone.type, gone.descriptions) == (
        "Deleted",
        ("Deleted territory “EMEA”", "Renamed territory “EMEA” to “Europe”"),
    )


def test_a_run_time_is_told_with_the_zone_that_it_was_in(crm_conn: Connection) -> None:
    both = "UPDATE sales_sequences SET run_at = '10:00', run_timezone = 'Europe/Paris' WHERE name = 'Welcome'"
    assert "Changed the run time of sequence “Welcome” from 09:00 (Europe/Berlin) to 10:00 (Europe/Paris)" in said(
        save(crm_conn, both)
    )
