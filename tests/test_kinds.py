"""The 69 documented kinds, each on a real server: type, module, entity name and the full sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from capture.catalogue import load_shipped
from capture.entries.describe import entries
from tests.test_alert_kinds import SENSITIVE

pytestmark = pytest.mark.ends

Connection = psycopg.Connection[tuple[Any, ...]]

KINDS = json.loads((Path(__file__).parent / "data" / "documented_kinds.json").read_text())

ENTITIES = {
    "plan": "Acme",
    "licenses": "Acme",
    "billing_cycle": "Acme",
    "phone_credits": "Acme",
    "billing_currency": "Acme",
    "primary_contact": "Acme",
    "cancellation": "Acme",
    "timezone": "Acme",
    "currency": "Acme",
    "language": "Acme",
    "date_format": "Acme",
    "time_format": "Acme",
    "lead_scoring": "Acme",
    "profile_enrichment": "Acme",
    "dnd_email_block": "Acme",
    "territory": "EMEA",
    "rule": "EU inbound",
    "sequence": "Welcome",
    "workflow": "Notify owner",
}
"""What the kinds with this first word happen to; `NAMES` has the exceptions."""

NAMES = {
    "territory.created": "Nordics",
    "territory.deleted": "Americas",
    "territory.name_updated": "Europe",
    "territory.position_updated": "Americas",
    "rule.created": "US inbound",
    "rule.deleted": "Old rule",
    "sequence.created": "Win-back",
    "sequence.deleted": "Old sequence",
    "sequence.name_updated": "Welcome 2",
    "workflow.created": "Escalate",
    "workflow.deleted": "Old flow",
    "workflow.name_updated": "Notify team",
}


@pytest.mark.parametrize("documented", KINDS, ids=[kind["kind"] for kind in KINDS])
def test_a_documented_change_reads_as_its_sentence(crm_conn: Connection, documented: dict[str, Any]) -> None:
    """Run the SQL of one kind as a user of the application, and read the log."""
    crm_conn.execute("SET search_path = crm")
    if documented["setup"]:
        crm_conn.execute(documented["setup"])
    before = {entry.id for entry in entries(crm_conn, load_shipped())}

    with crm_conn.transaction():
        crm_conn.execute("SELECT set_config('audit.actor', 'Ana Admin', true)")
        crm_conn.execute("""SELECT set_config('audit.context', '{"ip": "192.0.2.7"}', true)""")
        crm_conn.execute(documented["sql"])

    found = [entry for entry in entries(crm_conn, load_shipped()) if entry.id not in before]
    assert [entry.kinds for entry in found] == [(documented["kind"],)]
    entry = found[0]
    assert entry.descriptions == (documented["example"],)
    assert (entry.type, entry.module) == (documented["type"], documented["module"])
    assert entry.entity_name == NAMES.get(documented["kind"], ENTITIES[documented["kind"].split(".")[0]])
    assert (entry.actor, entry.actor_kind, entry.ip, entry.account) == ("Ana Admin", "user", "192.0.2.7", "1")
    assert entry.changes
    assert (entry.sensitivity == "high") == (documented["kind"] in SENSITIVE)
