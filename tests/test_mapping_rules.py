"""The 26 rules of tests/data/mapping_rules.md, one test each, on a real server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from capture.catalogue import load_shipped
from capture.catalogue.installing import install_catalogue
from capture.catalogue.model import Catalogue, KeyValue, Table
from capture.entries.describe import entries
from capture.model import ChangeType, Entry
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
        "Changed the run time of sequence “Welcome” from 09:00 to 10:30 (UTC)",
        "Changed the run timezone of sequence “Welcome” from Europe/Berlin to UTC",
    )


def test_rule_14_a_condition_may_move_between_entry_and_exit(crm_conn: Connection) -> None:
    entry = only(save(crm_conn, "UPDATE sales_sequence_conditions SET kind = 'exit', position = 3 WHERE id = 1"))
    assert entry.descriptions == (
        "Moved condition “Lead stage is New” of sequence “Welcome” from the entry to the exit conditions",
    )
    match = only(
        save(crm_conn, "UPDATE sales_sequences SET entry_match_type = 'any', exit_match_type = 'all' WHERE id = 1")
    )
    assert match.descriptions == (
        "Entry conditions of “Welcome” now match ANY (was: ALL) [AND → OR]",
        "Exit conditions of “Welcome” now match ALL (was: ANY) [OR → AND]",
    )


def test_rule_15_values_of_conditions_are_resolved_and_operators_are_words(crm_conn: Connection) -> None:
    values = "(1, 3, 'owner', 'is_in', '[4, 2]'), (1, 4, 'phone', 'is_empty', 'null'), (1, 5, 'territory', 'is_not', '\"2\"')"
    insert = f"INSERT INTO workflow_conditions (workflow_id, position, field, operator, value) VALUES {values}"
    assert said(save(crm_conn, insert)) == [
        "Added condition “Owner is in Li Wei, Ben Ito” to workflow “Notify owner”",
        "Added condition “Phone is empty” to workflow “Notify owner”",
        "Added condition “Territory is not APAC” to workflow “Notify owner”",
    ]


def test_rule_16_losing_access_takes_the_round_robin_along(crm_conn: Connection) -> None:
    entry = only(save(crm_conn, "DELETE FROM assignment_rule_users WHERE rule_id = 1 AND user_id = 2"))
    assert entry.descriptions == ("Removed Ben Ito's access to rule “EU inbound” and from the round-robin",)
    assert {change.label for change in entry.changes} >= {"user with access", "user in the round-robin"}


def test_rule_17_what_a_deletion_carried_along_is_marked_as_its_consequence(crm_conn: Connection) -> None:
    territory = save(crm_conn, "DELETE FROM territories WHERE id = 1")
    assert [(entry.sentence, entry.consequence_of) for entry in territory] == [
        ("Cleared the territory of rule “EU inbound” (was: EMEA)", "Deleted territory “EMEA”"),
        ("Deleted territory “EMEA”", None),
    ]
    contact = only(save(crm_conn, "DELETE FROM users WHERE id = 1"))
    assert (contact.sentence, contact.consequence_of) == (
        "Cleared the primary contact (was: Ana Admin)",
        "Deleted user “Ana Admin”",
    )
    access = only(save(crm_conn, "DELETE FROM users WHERE id = 3"))
    assert (access.sentence, access.consequence_of) == (
        "Removed Mara Silva's access to rule “EU inbound”",
        "Deleted user “Mara Silva”",
    )


def test_rule_18_a_truncate_is_one_entry_for_the_table(crm_conn: Connection) -> None:
    parts = only(save(crm_conn, "TRUNCATE workflow_conditions"))
    assert (parts.type, parts.module, parts.entity_name) == ("Deleted", "Workflows", "all workflow conditions")
    assert parts.sentence == "Emptied the table of workflow conditions: removed 3 conditions"
    entry = only(save(crm_conn, "TRUNCATE workflows CASCADE"))
    assert (
        entry.sentence == "Emptied the table of workflows: removed 2 workflows: “Notify owner”, “Old flow” (2 actions)"
    )
    assert (entry.account, entry.sensitivity) == ("1", "high")


def test_rule_19_a_save_that_changes_nothing_is_no_entry(crm_conn: Connection) -> None:
    assert save(crm_conn, "UPDATE territories SET name = name, updated_at = now()") == []
    assert (
        save(
            crm_conn,
            "UPDATE territories SET name = 'X' WHERE id = 1",
            "UPDATE territories SET name = 'EMEA' WHERE id = 1",
        )
        == []
    )
    gone = "DELETE FROM territories WHERE name = 'Brief'"
    assert save(crm_conn, "INSERT INTO territories (account_id, name, position) VALUES (1, 'Brief', 9)", gone) == []


def test_rule_20_soft_deletes_are_deletions_and_can_be_restored(crm_conn: Connection) -> None:
    deleted = only(save(crm_conn, "UPDATE territories SET deleted_at = now() WHERE id = 1"))
    restored = only(save(crm_conn, "UPDATE territories SET deleted_at = NULL WHERE id = 1"))
    assert (deleted.type, deleted.kinds, deleted.sentence) == (
        "Deleted",
        ("territory.deleted",),
        "Deleted territory “EMEA”",
    )
    assert (restored.type, restored.kinds, restored.sentence) == (
        "Updated",
        ("territory.restored",),
        "Restored territory “EMEA”",
    )
    save(crm_conn, "UPDATE territories SET deleted_at = now() WHERE id = 1")
    purged = save(crm_conn, "DELETE FROM territories WHERE id = 1")
    assert "Deleted territory “EMEA” for good (it had been deleted before)" in said(purged)


def test_rule_21_a_key_value_table_is_read_by_its_keys(crm_conn: Connection) -> None:
    crm_conn.execute(
        "CREATE TABLE crm.settings (account_id bigint, key text, value text, PRIMARY KEY (account_id, key))"
    )
    crm_conn.execute("INSERT INTO crm.settings VALUES (1, 'timezone', 'UTC')")
    shipped = load_shipped()
    block = Table.model_validate(
        {
            "name": "crm.settings",
            "module": "Account & CRM settings",
            "entity": "settings",
            "label": "account_id",
            "single": True,
            "account": "account_id",
            "about": "*",
            "key_value": KeyValue(key="key", value="value"),
            "lookups": {"account_id": "crm.accounts.name"},
            "settings": {
                "timezone": {"label": "account timezone", "kind": "timezone.updated", "format": "plain"},
                "greeting": {"kind": "greeting.updated", "format": "text", "module": "Territories"},
            },
        }
    )
    catalogue: Catalogue = shipped.model_copy(update={"table": (*shipped.table, block)})
    install_catalogue(crm_conn, catalogue)
    zone = save(crm_conn, "UPDATE settings SET value = 'Asia/Tokyo' WHERE key = 'timezone'", catalogue=catalogue)
    assert (only(zone).kinds, only(zone).entity_name) == (("timezone.updated",), "Acme")
    assert said(zone) == ["Changed the account timezone from UTC to Asia/Tokyo"]
    both = save(
        crm_conn,
        "INSERT INTO settings VALUES (1, 'greeting', 'Hi')",
        "DELETE FROM settings WHERE key = 'timezone'",
        catalogue=catalogue,
    )
    assert {(entry.module, entry.sentence) for entry in both} == {
        ("Territories", "Added a greeting: “Hi”"),
        ("Account & CRM settings", "Cleared the account timezone (was: Asia/Tokyo)"),
    }


def test_rule_22_steps_are_reordered_changed_by_path_and_shifted_in_silence(crm_conn: Connection) -> None:
    steps = "UPDATE sales_sequence_steps SET "
    moved = only(save(crm_conn, steps + "position = CASE id WHEN 3 THEN 1 ELSE position + 1 END"))
    assert moved.descriptions == (
        "Moved step “Follow-up” of sequence “Welcome” from position 3 to 1 (2 others shifted)",
    )
    config = only(save(crm_conn, steps + 'config = \'{"subject": "Hi", "api_token": "x"}\' WHERE id = 1'))
    assert config.descriptions == (
        "Changed step 2 “Intro email” of sequence “Welcome”: subject set to “Hi”; api token changed (value hidden)",
    )
    removed = only(save(crm_conn, "DELETE FROM sales_sequence_steps WHERE id = 3", steps + "position = position - 1"))
    assert removed.descriptions == ("Removed step 1 “Follow-up” (email, day 4) from sequence “Welcome”",)


def test_rule_23_texts_are_added_cleared_or_compared_word_by_word(crm_conn: Connection) -> None:
    text = "UPDATE territories SET description = "
    assert said(save(crm_conn, text + "'Both' WHERE id = 3")) == ["Added a description to territory “Americas”: “Both”"]
    assert said(save(crm_conn, text + "NULL WHERE id = 3")) == [
        "Cleared the description of territory “Americas” (was: “Both”)"
    ]
    long = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    save(crm_conn, text + f"'{long}' WHERE id = 3")
    changed = only(save(crm_conn, text + f"'{long.replace('nine', '9')}' WHERE id = 3"))
    assert changed.sentence == (
        "Changed the description of territory “Americas” from “… seven eight nine ten eleven …” to “… seven eight 9 ten eleven …”"
    )
    assert changed.changes[0].before == long


def test_rule_24_the_primary_contact_and_the_language_are_names(crm_conn: Connection) -> None:
    entry = only(save(crm_conn, "UPDATE account_settings SET primary_contact_id = 4, language = 'pt-BR'"))
    assert entry.descriptions == (
        "Changed the primary contact from Ana Admin to Li Wei",
        "Changed the language from English to Portuguese (Brazil)",
    )


def test_rule_25_system_is_only_the_product_itself(crm_conn: Connection) -> None:
    change = "UPDATE crm.territories SET name = name || '!' WHERE id = 1"

    def actor_of(found: list[Entry]) -> tuple[str, str, str]:
        entry = only(found)
        return entry.actor, entry.actor_kind, entry.actor_trust

    user = crm_conn.info.user
    assert actor_of(save(crm_conn, change)) == ("Ana Admin", "user", "claimed")
    assert actor_of(save(crm_conn, change, actor=None)) == (user, "database", "vouched")
    crm_conn.execute("UPDATE audit.setting SET value = %s WHERE name = 'product_roles'", [user])
    assert actor_of(save(crm_conn, change, actor=None)) == ("System", "system", "vouched")


def test_rule_26_there_are_three_types_of_change(crm_conn: Connection) -> None:
    assert [kind.value for kind in ChangeType] == ["Created", "Updated", "Deleted"]
    entry = only(save(crm_conn, "UPDATE workflows SET enabled = true, name = 'X' WHERE id = 1"))
    assert entry.type is ChangeType.UPDATED
    assert entry.descriptions == ("Renamed workflow “Notify owner” to “X”", "Enabled workflow “X”")


def test_every_rule_has_its_test() -> None:
    rules = re.findall(
        r"^(\d+)\. \*\*", (Path(__file__).parent / "data" / "mapping_rules.md").read_text(), re.MULTILINE
    )
    mapping = [number for number in dict.fromkeys(map(int, rules)) if number <= 26]
    tests = {int(match[1]) for name in globals() if (match := re.match(r"test_rule_(\d\d)_", name))}
    assert tests == set(mapping) == set(range(1, 27))
