"""Tables without a key: what was done to their rows is told row by row, in one entry a save."""

from __future__ import annotations

import pytest

from capture.catalogue.installing import install_catalogue
from capture.catalogue.model import Catalogue
from tests.saving import Connection, only, save

pytestmark = pytest.mark.one_server

THREE = "INSERT INTO tax_rates VALUES ('DE', 19, NULL), ('FR', 20, 'x'), ('DE', 19, NULL)"


@pytest.fixture
def rates(crm_conn: Connection) -> Connection:
    """Give a database with a tracked table that has no key."""
    crm_conn.execute("CREATE TABLE crm.tax_rates (country text, rate numeric, note text)")
    crm_conn.execute("SELECT audit.track('crm.tax_rates')")
    return crm_conn


def test_each_row_is_told_by_what_is_known_of_it(rates: Connection) -> None:
    made = only(save(rates, THREE))
    assert (made.type, made.entity_name, made.entity_id) == ("Created", "tax rates", "")
    assert made.descriptions == (
        "Created a tax rate (country “DE”, rate 19) (2 rows)",
        "Created a tax rate (country “FR”, note “x”, rate 20)",
    )
    changed = only(save(rates, "UPDATE tax_rates SET rate = 18 WHERE country = 'DE'"))
    assert (changed.type, changed.descriptions) == (
        "Updated",
        ("Changed the rate of a tax rate (country “DE”) from 19 to 18 (2 rows)",),
    )
    assert len(changed.descriptions) == len(changed.kinds)
    assert len(changed.changes) == 2


def test_a_save_that_does_several_things_updates_the_table_and_tells_each(rates: Connection) -> None:
    save(rates, THREE)
    mixed = only(
        save(
            rates,
            "INSERT INTO tax_rates VALUES ('XX', 1, NULL)",
            "UPDATE tax_rates SET rate = 1.5 WHERE country = 'XX'",
            "DELETE FROM tax_rates WHERE country = 'FR'",
        )
    )
    assert (mixed.type, mixed.descriptions) == (
        "Updated",
        (
            "Created a tax rate (country “XX”, rate 1)",
            "Changed the rate of a tax rate (country “XX”) from 1 to 1.5",
            "Deleted a tax rate (country “FR”, note “x”, rate 20)",
        ),
    )
    gone = only(save(rates, "DELETE FROM tax_rates WHERE country = 'DE'"))
    assert (gone.type, gone.descriptions) == ("Deleted", ("Deleted a tax rate (country “DE”, rate 19) (2 rows)",))


def test_a_label_names_a_row_without_a_key(rates: Connection) -> None:
    block = {"name": "crm.tax_rates", "entity": "tax rate", "label": "country", "module": "Taxes"}
    catalogue = Catalogue.model_validate({"name": "x", "table": [block]})
    install_catalogue(rates, catalogue)
    made = only(save(rates, THREE, catalogue=catalogue))
    assert (made.entity_name, made.descriptions) == (
        "tax rates",
        ("Created tax rate “DE” (2 rows)", "Created tax rate “FR”"),
    )
    changed = only(save(rates, "UPDATE tax_rates SET rate = 21 WHERE country = 'FR'", catalogue=catalogue))
    assert (changed.entity_name, changed.descriptions) == ("FR", ("Changed the rate of tax rate “FR” from 20 to 21",))


def test_a_part_without_a_key_is_told_by_what_is_known_of_it(crm_conn: Connection) -> None:
    crm_conn.execute("CREATE TABLE crm.workflow_tags (workflow_id bigint, tag text, weight int)")
    blocks = [
        {"name": "crm.workflows", "entity": "workflow", "label": "name"},
        {"name": "crm.workflow_tags", "entity": "tag", "parent": {"table": "crm.workflows", "key": "workflow_id"}},
    ]
    catalogue = Catalogue.model_validate({"name": "x", "table": blocks})
    install_catalogue(crm_conn, catalogue)
    told = [
        only(save(crm_conn, statement, catalogue=catalogue)).sentence
        for statement in (
            "INSERT INTO workflow_tags VALUES (1, 'big', 2)",
            "UPDATE workflow_tags SET weight = 3",
            "DELETE FROM workflow_tags",
        )
    ]
    assert told == [
        "Added tag (tag “big”, weight 2) to workflow “Notify owner”",
        "Changed the weight of tag (tag “big”) of workflow “Notify owner” from 2 to 3",
        "Removed tag (tag “big”, weight 3) from workflow “Notify owner”",
    ]
