"""Entries as OCSF events: what class 3004 demands is there, and what it does not know stands in `unmapped` alone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from capture.catalogue import load_shipped
from capture.entries.describe import entries
from capture.model import ChangeType, Entry, FieldChange, Source
from reports.documents import ascii_line
from reports.shipping.ocsf import TEXT, VERSION, event

Connection = psycopg.Connection[Any]

DATA = Path(__file__).parent / "data"
SCHEMA: dict[str, Any] = json.loads((DATA / "ocsf_3004.json").read_text(encoding="utf-8"))
KINDS = json.loads((DATA / "documented_kinds.json").read_text(encoding="utf-8"))

ENTRY = Entry(
    id="e1",
    at=datetime(2026, 11, 24, 8, 20, 50, 123456, UTC),
    actor="Ana Admin",
    actor_kind="user",
    actor_trust="vouched",
    ip="192.0.2.7",
    type=ChangeType.UPDATED,
    module="Territories",
    entity="territory",
    entity_id="1",
    entity_name="Europe",
    account="1",
    descriptions=("Renamed territory “EMEA” to “Europe”",),
    kinds=("territory.name_updated",),
    sensitivity="normal",
    consequence_of=None,
    changes=(FieldChange("crm.territories", {"id": 1}, "name", "name", "EMEA", "Europe"),),
    transaction_id=900,
    source=Source("cloudfon_app", "web", "10.0.0.1", "r-1"),
)


def made(entry: Entry) -> dict[str, Any]:
    """Return the event of an entry as a receiver reads it."""
    line = ascii_line(event(entry, product="Cloudfon CX", version="0.2.0", database="app"))
    found: dict[str, Any] = json.loads(line)
    return found


def complaints(found: dict[str, Any]) -> list[str]:
    """Return what is wrong with an event by the schema."""
    wrong = [f"{name} is missing" for name in SCHEMA["required"] if name not in found]
    known = {*SCHEMA["required"], *SCHEMA["recommended"], *SCHEMA["optional"]}
    wrong += [f"{name} is unknown" for name in found if name not in known]
    wrong += [f"{name} is {found[name]}" for name, value in SCHEMA["constants"].items() if found[name] != value]
    if SCHEMA["activities"].get(str(found["activity_id"])) != found["activity_name"]:
        wrong.append(f"activity {found['activity_id']} is {found['activity_name']}")
    if SCHEMA["severities"].get(str(found["severity_id"])) != found["severity"]:
        wrong.append(f"severity {found['severity_id']} is {found['severity']}")
    if found["type_uid"] != found["class_uid"] * 100 + found["activity_id"]:
        wrong.append(f"type_uid is {found['type_uid']}")
    if type(found["time"]) is not int or found["time"] < 10**12:
        wrong.append(f"time is {found['time']}")
    for path, rules in SCHEMA["objects"].items():
        part: Any = found
        for name in path.split("."):
            part = part.get(name) if isinstance(part, dict) else None
        if part is None:
            continue
        wrong += [f"{path}.{name} is missing" for name in rules.get("required", []) if name not in part]
        wrong += [f"{path}.{name} is unknown" for name in part if name not in rules["known"]]
        if "at_least_one" in rules and not any(part.get(name) for name in rules["at_least_one"]):
            wrong.append(f"{path} has no name")
    return wrong


def test_an_event_says_who_changed_what_from_where() -> None:
    found = made(ENTRY)
    assert complaints(found) == []
    assert found["metadata"]["version"] == VERSION == SCHEMA["version"]
    assert found["metadata"]["uid"] == "e1"
    assert found["metadata"]["tenant_uid"] == "1"
    assert found["metadata"]["product"]["name"] == "whochanged"
    assert found["time"] == 1795508450123
    assert found["type_uid"] == 300403
    assert found["message"] == "Renamed territory “EMEA” to “Europe”"
    assert found["actor"] == {"user": {"name": "Ana Admin", "type_id": 1, "type": "User"}, "app_name": "web"}
    assert found["entity"]["data"] == {"crm.territories[1].name": "EMEA"}
    assert found["entity_result"]["data"] == {"crm.territories[1].name": "Europe"}
    assert found["src_endpoint"] == {"ip": "192.0.2.7"}
    assert found["unmapped"]["module"] == "Territories"
    assert found["unmapped"]["source"]["request_id"] == "r-1"


@pytest.mark.parametrize(
    "changed",
    [
        {"type": ChangeType.CREATED},
        {"type": ChangeType.DELETED},
        {"sensitivity": "high", "actor_kind": "system", "ip": None},
        {"actor": "", "entity_name": "", "entity_id": "", "kinds": (), "descriptions": (), "changes": ()},
        {"actor_kind": "database", "ip": "not an address", "account": None},
    ],
)
def test_whatever_an_entry_lacks_the_event_is_valid(changed: dict[str, Any]) -> None:
    found = made(replace(ENTRY, **changed))
    assert complaints(found) == []
    assert ("entity_result" in found) == (found["activity_id"] != 4)
    assert ("data" in found["entity"]) == (found["activity_id"] != 1)


def test_a_long_value_is_cut_and_the_event_says_so() -> None:
    long = FieldChange("crm.t", None, "note", "note", "x" * 5_000_000, "\x1b[0m")
    found = made(replace(ENTRY, changes=(long,)))
    assert complaints(found) == []
    assert found["metadata"]["is_truncated"]
    assert len(found["entity"]["data"]["crm.t[].note"]) == TEXT
    line = ascii_line(event(replace(ENTRY, changes=(long,)), product="x", version="1", database="d"))
    assert line.isascii()
    assert "\x1b" not in line


@pytest.mark.one_server
def test_every_documented_kind_is_a_valid_event(crm_conn: Connection) -> None:
    crm_conn.execute("SET search_path = crm")
    for kind in KINDS:
        with crm_conn.transaction():
            crm_conn.execute("SELECT set_config('audit.actor', 'Ana Admin', true)")
            try:
                with crm_conn.transaction():
                    crm_conn.execute(kind["setup"] + kind["sql"])
            except psycopg.Error:
                continue  # what an earlier kind has done already
    events = [made(entry) for entry in entries(crm_conn, load_shipped())]
    assert len(events) > 40
    assert [wrong for found in events for wrong in complaints(found)] == []
