"""Reading entries from the log: names as they were, ids, filters, and who is shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from capture.catalogue import load_shipped
from capture.catalogue.installing import install_catalogue
from capture.entries.describe import entries, entry_by_id
from capture.entries.identity import Identity, decode, encode
from capture.errors import UsageError
from capture.filters import Filters
from tests.saving import Connection, only, said, save

pytestmark = pytest.mark.one_server


def read(conn: Connection, **filters: Any) -> list[str]:
    return said(list(entries(conn, load_shipped(), Filters(**filters))))


def test_names_are_those_of_the_time_of_the_change(crm_conn: Connection) -> None:
    given = only(save(crm_conn, "INSERT INTO assignment_rule_users VALUES (1, 4)"))
    ruled = only(
        save(
            crm_conn, "INSERT INTO assignment_rules (account_id, name, target, territory_id) VALUES (1, 'R', 'deal', 2)"
        )
    )
    added = only(save(crm_conn, "INSERT INTO workflow_conditions VALUES (90, 1, 3, 'owner', 'is', '4')"))
    for statement in (
        "UPDATE users SET name = 'Lee Way' WHERE id = 4",
        "UPDATE territories SET name = 'Asia' WHERE id = 2",
        "UPDATE workflows SET name = 'Other' WHERE id = 1",
        "UPDATE assignment_rules SET name = 'Inbound' WHERE id = 1",
        "DELETE FROM users WHERE id = 4",
        "DELETE FROM territories WHERE id = 2",
        "DELETE FROM workflows WHERE id = 1",
    ):
        save(crm_conn, statement)
    again = {entry.id: entry for entry in entries(crm_conn, load_shipped())}
    for entry in (given, ruled, added):
        assert again[entry.id] == entry
    assert again[given.id].sentence == "Gave Li Wei access to rule “EU inbound”"
    assert again[added.id].sentence == "Added condition “Owner is Li Wei” to workflow “Notify owner”"


def test_a_rename_in_the_same_save_counts(crm_conn: Connection) -> None:
    found = save(
        crm_conn,
        "UPDATE users SET name = 'Lee Way' WHERE id = 4",
        "UPDATE account_settings SET primary_contact_id = 4",
        "UPDATE workflows SET name = 'Tell', enabled = true WHERE id = 1",
        "DELETE FROM workflow_conditions WHERE id = 2",
    )
    assert sorted(said(found)) == [
        "Changed the primary contact from Ana Admin to Lee Way",
        "Enabled workflow “Tell”",
        "Removed condition “Stage is Won” from workflow “Tell”",
        "Renamed workflow “Notify owner” to “Tell”",
    ]


def test_a_row_that_nobody_knows_is_named_by_its_number(crm_conn: Connection) -> None:
    found = only(save(crm_conn, "INSERT INTO workflow_conditions VALUES (90, 1, 3, 'owner', 'is', '999')"))
    assert found.sentence == "Added condition “Owner is user #999 (name unknown)” to workflow “Notify owner”"


def test_an_id_leads_back_to_its_entry(crm_conn: Connection) -> None:
    both = save(crm_conn, "UPDATE territories SET name = 'Europe', position = 7 WHERE id = 1")
    for entry in both:
        assert entry_by_id(crm_conn, load_shipped(), entry.id) == entry
    identity = decode(both[0].id)
    assert (identity.at, identity.transaction_id) == (both[0].at, both[0].transaction_id)
    stands_for = Identity(both[0].at, both[0].transaction_id, both[0].module, "crm.territories", "1")
    assert encode(stands_for) == both[0].id
    for other in ({"key": "77"}, {"transaction_id": stands_for.transaction_id + 1}):
        assert entry_by_id(crm_conn, load_shipped(), encode(replace(stands_for, **other))) is None


def test_an_id_leads_to_its_entry_after_a_change_of_module(crm_conn: Connection) -> None:
    entry = only(save(crm_conn, "UPDATE territories SET name = 'Europe' WHERE id = 1"))
    former = encode(Identity(entry.at, entry.transaction_id, "Regions", "crm.territories", "1"))
    found = entry_by_id(crm_conn, load_shipped(), former)
    assert found == replace(entry, id=former)


@pytest.mark.parametrize(
    "text", ["", "x", "AAAA", "ü", "W10", "a" * 5000, "A" * 29, "A" * 31, " " + "A" * 29, "A" * 29 + "B"]
)
def test_a_malformed_id_is_refused(crm_conn: Connection, text: str) -> None:
    with pytest.raises(UsageError, match="is no id of an entry"):
        entry_by_id(crm_conn, load_shipped(), text)


def test_filters_narrow_what_is_read(crm_conn: Connection) -> None:
    save(crm_conn, "UPDATE territories SET name = 'Europe', position = 7 WHERE id = 1")
    save(
        crm_conn,
        "INSERT INTO workflows (id, account_id, name, target) VALUES (50, 1, 'Escalate', 'deal')",
        actor="Ben Ito",
    )
    save(
        crm_conn,
        "INSERT INTO accounts (id, name) VALUES (2, 'Globex')",
        "INSERT INTO workflows VALUES (51, 2, 'Other', NULL, 'deal')",
    )
    escalate, europe, moved = (
        "Created workflow “Escalate” (deals)",
        "Renamed territory “EMEA” to “Europe”",
        "Moved territory “Europe” from position 1 to 7",
    )
    assert read(crm_conn, modules=("territories",)) == [europe]
    assert read(crm_conn, modules=("Auto-assignment",)) == [moved]
    assert read(crm_conn, actor="ben ito") == [escalate]
    assert read(crm_conn, types=("Updated",), search="EMEA") == [europe]
    assert read(crm_conn, account="2") == ["Created workflow “Other” (deals)"]
    assert read(crm_conn, entity="workflow Escalate") == read(crm_conn, row=("crm.workflows", "50")) == [escalate]
    assert read(crm_conn, limit=1) == ["Created workflow “Other” (deals)"]
    assert read(crm_conn, since=datetime.now(UTC) + timedelta(hours=1)) == []
    assert len(read(crm_conn, until=datetime.now(UTC) + timedelta(hours=1))) == 4


def test_a_history_has_the_parts_of_the_row(crm_conn: Connection) -> None:
    save(crm_conn, "DELETE FROM workflow_conditions WHERE id = 2")
    removed = ["Removed condition “Stage is Won” from workflow “Notify owner”"]
    assert read(crm_conn, row=("crm.workflows", "1")) == read(crm_conn, row=("crm.workflow_conditions", "2")) == removed
    assert read(crm_conn, row=("crm.workflows", "2")) == []


def test_a_long_log_is_read_block_by_block_newest_first(crm_conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capture.reading.BLOCK", 3)
    for number in range(8):
        crm_conn.execute("UPDATE crm.workflows SET name = %s WHERE id = 1", [f"Name {number}"])
    first = [entry.descriptions[0] for entry in entries(crm_conn, load_shipped())]
    assert first[0] == "Renamed workflow “Name 6” to “Name 7”"
    assert len(first) == 8


def test_what_is_older_than_the_retention_is_not_shown(crm_conn: Connection) -> None:
    save(crm_conn, "UPDATE workflows SET name = 'X' WHERE id = 1")
    crm_conn.execute("UPDATE audit.setting SET value = '0' WHERE name = 'retention_days'")
    assert read(crm_conn) == []


def test_the_first_actor_counts_and_the_others_are_kept(crm_conn: Connection) -> None:
    entry = only(
        save(
            crm_conn,
            "UPDATE crm.workflows SET name = 'X' WHERE id = 1",
            "SELECT set_config('audit.actor', 'Eve', true)",
            "UPDATE crm.workflows SET enabled = true WHERE id = 1",
            context={"ip": "192.0.2.1", "request_id": "r-1"},
        )
    )
    assert (entry.actor, entry.ip, entry.source.request_id) == ("Ana Admin", "192.0.2.1", "r-1")
    assert len(entry.descriptions) == 2


def test_a_late_actor_fills_an_empty_one(crm_conn: Connection) -> None:
    rename, late = "UPDATE crm.workflows SET name = 'X' WHERE id = 1", "SELECT set_config('audit.actor', 'Eve', true)"
    entry = only(save(crm_conn, rename, late, "UPDATE crm.workflows SET enabled = true WHERE id = 1", actor=None))
    assert (entry.actor, entry.actor_kind) == ("Eve", "user")


def test_a_tracked_table_without_catalogue_is_in_module_other(crm_conn: Connection) -> None:
    crm_conn.execute("CREATE TABLE public.price_lists (id int PRIMARY KEY, title text, active bool)")
    crm_conn.execute("SELECT audit.track('public.price_lists')")
    save(crm_conn, "INSERT INTO public.price_lists VALUES (1, 'Summer', true)")
    changed = only(save(crm_conn, "UPDATE public.price_lists SET title = 'Winter', active = false"))
    assert (changed.module, changed.entity, changed.entity_name) == ("Other", "price list", "price list 1")
    assert changed.descriptions == (
        "Disabled active of price list 1",
        "Changed the title of price list 1 from “Summer” to “Winter”",
    )


def test_a_masked_column_says_only_that_it_changed(crm_conn: Connection) -> None:
    crm_conn.execute("ALTER TABLE crm.workflows ADD api_key text; UPDATE crm.workflows SET api_key = 'old'")
    install_catalogue(crm_conn, load_shipped())
    entry = only(save(crm_conn, "UPDATE workflows SET api_key = 'new' WHERE id = 1"))
    assert entry.sentence == "Changed the api key of workflow “Notify owner” (value hidden)"
    assert [(change.before, change.after) for change in entry.changes] == [("••••••", "••••••")]


def test_a_row_that_moves_between_accounts_is_for_both_to_read(crm_conn: Connection) -> None:
    crm_conn.execute("INSERT INTO crm.accounts (id, name) VALUES (77, 'Other')")
    moved = only(save(crm_conn, "UPDATE territories SET account_id = 77 WHERE id = 1"))
    assert (moved.account, moved.former_account) == ("77", "1")
    for account in ("1", "77"):
        found = list(entries(crm_conn, load_shipped(), Filters(account=account, limit=1)))
        assert [entry.id for entry in found] == [moved.id]
