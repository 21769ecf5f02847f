"""What the page does not name but such tables hold (X1 to X20): good sentences, and a switch that hides them."""

from __future__ import annotations

import pytest

from capture.catalogue import load_shipped
from tests.saving import Connection, only, said, save

pytestmark = pytest.mark.one_server

ACTIVE = "UPDATE crm.subscriptions SET state = 'active', plan_id = 2"
REQUEST = "INSERT INTO crm.account_cancellation_requests (account_id) VALUES (1)"
DELETED = "UPDATE crm.territories SET deleted_at = now() WHERE id = 1"
SECOND = "INSERT INTO crm.assignment_rule_round_robin VALUES (1, 3, 2)"

KINDS = [
    (
        "X1",
        f"{ACTIVE}; INSERT INTO crm.plans VALUES (9, 'g2', 'Growth 2', 1)",
        "UPDATE subscriptions SET plan_id = 9",
        "plan.lateral_changed",
        "Changed the plan from Growth to Growth 2; 5 user licences; billed monthly",
    ),
    (
        "X2",
        "UPDATE crm.subscriptions SET trial_ends_at = '2026-01-01 12:00Z'",
        "UPDATE subscriptions SET trial_ends_at = '2026-01-15 12:00Z'",
        "plan.trial_extended",
        "Extended the trial from 1 Jan 2026 12:00 UTC to 15 Jan 2026 12:00 UTC",
    ),
    (
        "X2",
        "",
        "UPDATE subscriptions SET state = 'cancelled'",
        "plan.trial_expired",
        "Ended the Growth trial without a subscription",
    ),
    (
        "X3",
        ACTIVE,
        "UPDATE subscriptions SET state = 'suspended'",
        "plan.suspended",
        "Suspended the subscription (was: active)",
    ),
    (
        "X3",
        f"{ACTIVE}; UPDATE crm.subscriptions SET state = 'suspended'",
        "UPDATE subscriptions SET state = 'active'",
        "plan.reactivated",
        "Reactivated the subscription (was: suspended)",
    ),
    (
        "X4",
        REQUEST,
        "UPDATE account_cancellation_requests SET status = 'withdrawn'",
        "cancellation.withdrawn",
        "Withdrew the request for account cancellation",
    ),
    (
        "X5",
        REQUEST,
        "UPDATE account_cancellation_requests SET status = 'approved'",
        "cancellation.approved",
        "Approved the request for account cancellation",
    ),
    ("X7", DELETED, "UPDATE territories SET deleted_at = NULL", "territory.restored", "Restored territory “EMEA”"),
    (
        "X8",
        "",
        "UPDATE assignment_rules SET name = 'EU' WHERE id = 1",
        "rule.name_updated",
        "Renamed assignment rule “EU inbound” to “EU”",
    ),
    (
        "X9",
        "",
        "UPDATE assignment_rules SET description = 'All of it' WHERE id = 1",
        "rule.description_updated",
        "Added a description to rule “EU inbound”: “All of it”",
    ),
    (
        "X10",
        "",
        "UPDATE assignment_rules SET enabled = false WHERE id = 1",
        "rule.disabled",
        "Disabled assignment rule “EU inbound”",
    ),
    (
        "X11",
        "",
        "UPDATE assignment_rules SET territory_id = 2 WHERE id = 1",
        "rule.territory_updated",
        "Changed the territory of rule “EU inbound” from EMEA to APAC",
    ),
    (
        "X12",
        "",
        "UPDATE assignment_rules SET target = 'deal' WHERE id = 1",
        "rule.target_updated",
        "Changed the target of rule “EU inbound” from contacts to deals",
    ),
    (
        "X13",
        SECOND,
        "UPDATE assignment_rule_round_robin SET position = 3 - position",
        "rule.round_robin_reordered",
        "Moved Mara Silva in the round-robin of rule “EU inbound” from position 2 to 1 (1 other shifted)",
    ),
    (
        "X14",
        "ALTER TABLE crm.sales_sequences ADD description text",
        "UPDATE sales_sequences SET description = 'Hello' WHERE id = 1",
        "sequence.description_updated",
        "Set the description of sequence “Welcome” to “Hello”",
    ),
    (
        "X15",
        "",
        "UPDATE sales_sequence_steps SET position = CASE id WHEN 1 THEN 3 ELSE position - 1 END",
        "sequence.steps_reordered",
        "Moved step “Intro email” of sequence “Welcome” from position 1 to 3 (2 others shifted)",
    ),
    (
        "X16",
        "",
        "UPDATE sales_sequence_conditions SET kind = 'entry', position = 3 WHERE id = 3",
        "sequence.condition_moved",
        "Moved condition “Replied is Yes” of sequence “Welcome” from the exit to the entry conditions",
    ),
    (
        "X17",
        "",
        "UPDATE workflows SET target = 'contact' WHERE id = 1",
        "workflow.target_updated",
        "Changed the target of workflow “Notify owner” from deals to contacts",
    ),
    (
        "X18",
        "",
        "UPDATE workflow_actions SET position = 3 - position WHERE workflow_id = 1",
        "workflow.actions_reordered",
        "Moved action “Create task: Call” of workflow “Notify owner” from position 2 to 1 (1 other shifted)",
    ),
    (
        "X19",
        "ALTER TABLE crm.workflows ADD run_limit int DEFAULT 5",
        "UPDATE workflows SET run_limit = 1000 WHERE id = 1",
        "workflow.run_limit_updated",
        "Changed the run limit of workflow “Notify owner” from 5 to 1,000",
    ),
    (
        "X20",
        "",
        "TRUNCATE workflow_actions",
        "action.table_emptied",
        "Emptied the table of workflow actions: removed 2 actions",
    ),
]


@pytest.mark.parametrize("number, setup, change, kind, sentence", KINDS, ids=[f"{kind[0]}-{kind[3]}" for kind in KINDS])
def test_an_undocumented_change_has_its_sentence(
    crm_conn: Connection, number: str, setup: str, change: str, kind: str, sentence: str
) -> None:
    assert number.startswith("X")
    crm_conn.execute(setup.encode())
    entry = only(save(crm_conn, change))
    assert (entry.kinds, entry.descriptions) == ((kind,), (sentence,))


def test_credits_of_a_currency_without_decimals_keep_theirs(crm_conn: Connection) -> None:
    crm_conn.execute(
        "ALTER TABLE crm.phone_credit_transactions ALTER amount TYPE numeric, ALTER balance_after TYPE numeric"
    )
    told = [
        only(
            save(
                crm_conn,
                "INSERT INTO phone_credit_transactions (account_id, kind, amount, currency, balance_after) "
                f"VALUES (1, 'purchase', {amount}, '{currency}', {balance})",
            )
        ).sentence
        for amount, currency, balance in (
            ("1500.50", "JPY", "2000.5"),
            ("1500", "JPY", "3500"),
            ("0.005", "EUR", "4.1"),
        )
    ]
    assert told == [
        "Added JPY 1,500.50 of phone credits (balance 500 → 2,000.5)",
        "Added JPY 1,500 of phone credits (balance 2,000 → 3,500)",
        "Added EUR 0.005 of phone credits (balance 4.095 → 4.10)",
    ]


def test_undocumented_changes_can_be_hidden(crm_conn: Connection) -> None:
    catalogue = load_shipped().model_copy(update={"show_other": False})
    change = "UPDATE workflows SET target = 'contact', name = 'Tell' WHERE id = 1"
    assert said(save(crm_conn, change, catalogue=catalogue)) == ["Renamed workflow “Notify owner” to “Tell”"]


def test_access_that_passes_to_another_user_names_both(crm_conn: Connection) -> None:
    where = "SET user_id = 4 WHERE rule_id = 1 AND user_id ="
    assert said(save(crm_conn, f"UPDATE assignment_rule_users {where} 3")) == [
        "Removed Mara Silva's access to rule “EU inbound” and gave it to Li Wei"
    ]
    assert said(save(crm_conn, f"UPDATE assignment_rule_round_robin {where} 2")) == [
        "Removed Ben Ito from the round-robin of rule “EU inbound” and added Li Wei in their place"
    ]
