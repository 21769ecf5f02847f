"""The 26 rules of tests/data/mapping_rules.md, one test each, on a real server: rules 14 to 26."""

from __future__ import annotations

import pytest

from capture.catalogue import load_shipped
from capture.catalogue.installing import install_catalogue
from capture.catalogue.model import Catalogue, KeyValue, Table
from capture.model import ChangeType, Entry
from tests.saving import Connection, only, said, save

pytestmark = pytest.mark.one_server

ACTIVE = "UPDATE crm.subscriptions SET state = 'active', plan_id = 2"


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
