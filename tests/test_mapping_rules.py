"""The 26 rules of tests/data/mapping_rules.md, one test each, on a real server: rules 1 to 13."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from capture.catalogue import load_shipped
from capture.entries.describe import entries
from tests import test_mapping_rules_14_to_26
from tests.saving import Connection, only, said, save

pytestmark = pytest.mark.one_server

ACTIVE = "UPDATE crm.subscriptions SET state = 'active', plan_id = 2"


def test_rule_01_the_type_is_that_of_the_parent(crm_conn: Connection) -> None:
    added = only(save(crm_conn, "INSERT INTO workflow_conditions VALUES (90, 1, 3, 'city', 'is', '\"Oslo\"')"))
    removed = only(save(crm_conn, "DELETE FROM workflow_conditions WHERE id = 90"))
    assert [added.type, removed.type] == ["Updated", "Updated"]
    assert (added.entity, added.entity_id, added.entity_name) == ("workflow", "1", "Notify owner")

    asked = only(save(crm_conn, "INSERT INTO account_cancellation_requests (account_id) VALUES (1)"))
    columns = "account_id, kind, amount, currency, balance_after"
    bought = f"INSERT INTO phone_credit_transactions ({columns}) VALUES (1, 'purchase', 5, 'USD', 9)"
    assert (asked.type, only(save(crm_conn, bought)).type) == ("Created", "Updated")


def test_rule_02_an_entity_created_with_its_parts_is_one_created_entry(crm_conn: Connection) -> None:
    entry = only(
        save(
            crm_conn,
            "INSERT INTO workflows (id, account_id, name, target) VALUES (50, 1, 'Escalate', 'deal')",
            "INSERT INTO workflow_conditions VALUES (50, 50, 1, 'amount', 'gt', '9000')",
            "INSERT INTO workflow_actions VALUES (50, 50, 1, 'send_email', '{\"to\": \"owner\"}')",
        )
    )
    assert (entry.type, entry.descriptions) == (
        "Created",
        ("Created workflow “Escalate” (deals; 1 condition, 1 action)",),
    )
    assert {"workflows", "workflow_conditions", "workflow_actions"} == {c.table.split(".")[1] for c in entry.changes}
    assert ("condition", None, "Amount > 9,000") in [(c.label, c.before, c.after) for c in entry.changes]


def test_rule_03_a_cascading_delete_is_one_deleted_entry_that_counts_its_children(crm_conn: Connection) -> None:
    entry = only(save(crm_conn, "DELETE FROM workflows WHERE id = 1"))
    assert (entry.type, entry.entity_name, entry.account) == ("Deleted", "Notify owner", "1")
    assert entry.descriptions == ("Deleted workflow “Notify owner” (2 conditions, 2 actions)",)
    assert ("condition", "Stage is Won", None) in [(c.label, c.before, c.after) for c in entry.changes]


def test_rule_04_parts_that_were_replaced_on_save_are_paired(crm_conn: Connection) -> None:
    replace = "DELETE FROM workflow_conditions WHERE workflow_id = 1"
    insert = "INSERT INTO workflow_conditions (workflow_id, position, field, operator, value) VALUES "
    assert save(crm_conn, replace, insert + "(1, 1, 'amount', 'gt', '5000'), (1, 2, 'stage', 'is', '\"Won\"')") == []

    changed = save(crm_conn, replace, insert + "(1, 1, 'amount', 'gt', '5000'), (1, 2, 'stage', 'is', '\"Lost\"')")
    assert said(changed) == ["Changed a condition of workflow “Notify owner” from “Stage is Won” to “Stage is Lost”"]

    removed = save(crm_conn, replace, insert + "(1, 1, 'stage', 'is', '\"Lost\"')")
    assert said(removed) == ["Removed condition “Amount > 5,000” from workflow “Notify owner”"]


def test_rule_05_one_row_of_two_modules_gives_two_entries_and_a_reorder_one(crm_conn: Connection) -> None:
    both = save(crm_conn, "UPDATE territories SET name = 'Europe', position = 7 WHERE id = 1")
    assert {(entry.module, entry.sentence) for entry in both} == {
        ("Territories", "Renamed territory “EMEA” to “Europe”"),
        ("Auto-assignment", "Moved territory “Europe” from position 1 to 7"),
    }
    assert len({entry.id for entry in both}) == 2

    swap = only(save(crm_conn, "UPDATE territories SET position = CASE id WHEN 3 THEN 2 ELSE 3 END WHERE id IN (2, 3)"))
    assert swap.descriptions == ("Moved territory “Americas” from position 3 to 2 (1 other shifted)",)
    assert [(change.before, change.after) for change in swap.changes] == [("3", "2"), ("2", "3")]


def test_rule_06_the_states_before_and_after_tell_a_trial_from_a_subscription(crm_conn: Connection) -> None:
    trial = only(save(crm_conn, "UPDATE subscriptions SET plan_id = 3"))
    subscribed = only(save(crm_conn, "UPDATE subscriptions SET state = 'active'"))
    assert (trial.kinds, subscribed.kinds) == (("plan.trial_changed",), ("plan.subscribed",))
    assert subscribed.sentence == "Subscribed to Pro: 5 user licences, billed monthly (was: Pro trial)"
    upgraded = only(save(crm_conn, "UPDATE subscriptions SET plan_id = 4"))
    lateral = only(
        save(crm_conn, "INSERT INTO plans VALUES (5, 'vip', 'VIP', 3)", "UPDATE subscriptions SET plan_id = 5")
    )
    assert (upgraded.kinds, lateral.kinds) == (("plan.upgraded",), ("plan.lateral_changed",))

    # Later edits of the plans must not flip history.
    crm_conn.execute("UPDATE plans SET tier_rank = 0, name = 'Basic' WHERE id = 4")
    again = {entry.id: entry for entry in entries(crm_conn, load_shipped())}
    assert again[upgraded.id] == upgraded
    assert again[lateral.id] == lateral

    crm_conn.execute("INSERT INTO accounts (id, name) VALUES (2, 'Globex')")
    new = "INSERT INTO subscriptions VALUES (2, 2, 3, 'active', 1, 'annual', 'EUR')"
    created = only(save(crm_conn, new))
    assert (created.type, created.entity_name) == ("Created", "Globex")
    assert created.sentence == "Subscribed to Pro: 1 user licence, billed annually"


def test_rule_07_a_plan_change_with_licences_and_cycle_is_one_entry(crm_conn: Connection) -> None:
    crm_conn.execute(ACTIVE.encode())
    everything = (
        "UPDATE subscriptions SET plan_id = 4, user_licenses = 8, billing_cycle = 'annual', billing_currency = 'EUR'"
    )
    entry = only(save(crm_conn, everything))
    assert entry.kinds == ("plan.upgraded", "billing_currency.updated")
    assert entry.descriptions == (
        "Upgraded the plan from Growth to Enterprise; added 3 user licences (5 → 8); billed annually (was: monthly)",
        "Changed the billing currency from USD to EUR",
    )


def test_rule_08_the_plan_gives_the_direction_and_one_licence_is_singular(crm_conn: Connection) -> None:
    crm_conn.execute(ACTIVE.encode())
    entry = only(save(crm_conn, "UPDATE subscriptions SET plan_id = 3, user_licenses = 4"))
    assert entry.sentence == "Upgraded the plan from Growth to Pro; removed 1 user licence (5 → 4); billed monthly"


def test_rule_09_billing_currency_and_account_currency_are_two_things(crm_conn: Connection) -> None:
    found = save(
        crm_conn, "UPDATE subscriptions SET billing_currency = 'EUR'", "UPDATE account_settings SET currency = 'EUR'"
    )
    assert {(entry.module, entry.sentence) for entry in found} == {
        ("Plans and Billing", "Changed the billing currency from USD to EUR"),
        ("Account & CRM settings", "Changed the account currency from USD to EUR"),
    }


def test_rule_10_only_bought_phone_credits_are_configuration(crm_conn: Connection) -> None:
    insert = "INSERT INTO phone_credit_transactions (account_id, kind, amount, currency, balance_after) VALUES "
    assert (
        save(
            crm_conn, insert + "(1, 'usage', -1, 'USD', 9), (1, 'refund', 2, 'USD', 11), (1, 'purchase', 0, 'USD', 11)"
        )
        == []
    )
    found = only(save(crm_conn, insert + "(1, 'auto_recharge', 1000.10, 'USD', 1011.30)"))
    assert found.sentence == "Added USD 1,000.10 of phone credits by auto-recharge (balance 11.20 → 1,011.30)"


def test_rule_11_a_cancellation_request_is_withdrawn_approved_or_rejected(crm_conn: Connection) -> None:
    crm_conn.execute("INSERT INTO crm.account_cancellation_requests (account_id) VALUES (1)")
    for status, verb in (("withdrawn", "Withdrew"), ("approved", "Approved"), ("rejected", "Rejected")):
        entry = only(
            save(crm_conn, f"UPDATE account_cancellation_requests SET status = '{status}', resolved_at = now()")
        )
        assert (entry.type, entry.kinds) == ("Updated", (f"cancellation.{status}",))
        assert entry.sentence == f"{verb} the request for account cancellation"


def test_rule_12_toggles_are_enabled_or_disabled(crm_conn: Connection) -> None:
    crm_conn.execute("ALTER TABLE crm.workflows ALTER enabled DROP NOT NULL; UPDATE crm.workflows SET enabled = NULL")
    assert only(save(crm_conn, "UPDATE workflows SET enabled = true WHERE id = 1")).kinds == ("workflow.enabled",)
    assert only(save(crm_conn, "UPDATE workflows SET enabled = NULL WHERE id = 1")).kinds == ("workflow.disabled",)
    created = only(
        save(crm_conn, "INSERT INTO workflows (account_id, name, target, enabled) VALUES (1, 'On', 'deal', true)")
    )
    assert created.descriptions == ("Created workflow “On” (deals; enabled)",)


def test_rule_13_run_time_and_timezone_are_two_lines_and_always_say_the_zone(crm_conn: Connection) -> None:
    entry = only(save(crm_conn, "UPDATE sales_sequences SET run_at = '10:30', run_timezone = 'UTC' WHERE id = 1"))
    assert entry.kinds == ("sequence.run_time_updated", "sequence.timezone_updated")
    assert entry.descriptions == (
        "Changed the run time of sequence “Welcome” from 09:00 (Europe/Berlin) to 10:30 (UTC)",
        "Changed the run timezone of sequence “Welcome” from Europe/Berlin to UTC",
    )


def _names() -> list[str]:
    """Return the names of the tests, this file's and those of the second half."""
    return [*globals(), *vars(test_mapping_rules_14_to_26)]


def test_every_rule_has_its_test() -> None:
    rules = re.findall(
        r"^(\d+)\. \*\*", (Path(__file__).parent / "data" / "mapping_rules.md").read_text(), re.MULTILINE
    )
    mapping = [number for number in dict.fromkeys(map(int, rules)) if number <= 26]
    tests = {int(match[1]) for name in _names() if (match := re.match(r"test_rule_(\d\d)_", name))}
    assert tests == set(mapping) == set(range(1, 27))
