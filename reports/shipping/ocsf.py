"""An entry as an event of the Open Cybersecurity Schema Framework: Entity Management, class 3004 of category 3, version 1.8.0.

https://schema.ocsf.io/1.8.0/classes/entity_management says which attributes there are, and tests/data/ocsf_3004.json which must be
there. What OCSF has no attribute for stands in `unmapped`, under the names of docs/cli.md.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

from capture.model import ActorKind, ChangeType, Entry, FieldChange
from reports.documents import entry_document, utc

VERSION = "1.8.0"
CATEGORY, CLASS = 3, 3004
TEXT = 16_384
"""Characters of one text; where one is longer, `metadata.is_truncated` says so."""

_CLASS_NAME = "Entity Management"
_ACTIVITIES: dict[ChangeType, tuple[int, str]] = {
    ChangeType.CREATED: (1, "Create"),
    ChangeType.UPDATED: (3, "Update"),
    ChangeType.DELETED: (4, "Delete"),
}
_SEVERITIES = {"low": (1, "Informational"), "normal": (1, "Informational"), "high": (4, "High")}
_USERS: dict[ActorKind, tuple[int, str]] = {
    "user": (1, "User"),
    "system": (3, "System"),
    "database": (99, "Database role"),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def event(entry: Entry, *, product: str, version: str, database: str) -> dict[str, Any]:
    """Return an entry as an OCSF event. *product* names the application, *version* is that of this program.

    `metadata.uid` is the id of the entry: the same whenever it is shipped, so that a receiver knows what it has.
    """
    activity, activity_name = _ACTIVITIES[entry.type]
    severity, severity_name = _SEVERITIES.get(entry.sensitivity, (1, "Informational"))
    document = entry_document(entry)
    made: dict[str, Any] = {
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": CATEGORY,
        "category_name": "Identity & Access Management",
        "class_uid": CLASS,
        "class_name": _CLASS_NAME,
        "type_uid": CLASS * 100 + activity,
        "type_name": f"{_CLASS_NAME}: {activity_name}",
        "time": (entry.at - _EPOCH) // _MILLISECOND,
        "timezone_offset": 0,
        "severity_id": severity,
        "severity": severity_name,
        "status_id": 1,
        "status": "Success",
        "message": entry.sentence,
        "metadata": _metadata(entry, product=product, version=version, database=database),
        "actor": _actor(entry),
        **_entities(entry),
        **_source(entry),
        "unmapped": {
            name: document[name]
            for name in (
                "module",
                "account",
                "descriptions",
                "kinds",
                "sensitivity",
                "consequence_of",
                "changes",
                "actor_kind",
                "actor_trust",
                "transaction_id",
                "source",
            )
        },
    }
    shorter: dict[str, Any]
    shorter, cut = _bounded(made)
    if cut:
        shorter["metadata"]["is_truncated"] = True
    return shorter


def _metadata(entry: Entry, *, product: str, version: str, database: str) -> dict[str, Any]:
    return {
        "version": VERSION,
        "product": {
            "name": "whochanged",
            "vendor_name": "whochanged",
            "version": version,
            "feature": {"name": "Audit log"},
        },
        "uid": entry.id,
        "correlation_uid": str(entry.transaction_id),
        "event_code": entry.kinds[0] if entry.kinds else entry.type.value,
        "log_name": "audit.log",
        "log_provider": "PostgreSQL",
        "log_source": database,
        "source": product,
        "original_time": utc(entry.at),
        **({"tenant_uid": entry.account} if entry.account is not None else {}),
    }


def _actor(entry: Entry) -> dict[str, Any]:
    number, kind = _USERS[entry.actor_kind]
    said = {"app_name": entry.source.application} if entry.source.application else {}
    return {"user": {"name": entry.actor or "(no name)", "type_id": number, "type": kind}, **said}


def _entities(entry: Entry) -> dict[str, Any]:
    """Return what was changed, as it was and as it became."""
    named: dict[str, Any] = {"name": entry.entity_name or entry.entity, "type": entry.entity, "type_id": 99}
    if entry.entity_id:
        named["uid"] = entry.entity_id
    before = {_name(change): change.before for change in entry.changes}
    after = {_name(change): change.after for change in entry.changes}
    made: dict[str, Any] = {"entity": {**named, **({} if entry.type is ChangeType.CREATED else {"data": before})}}
    if entry.type is not ChangeType.DELETED:
        made["entity_result"] = {**named, "data": after}
    return made


def _name(change: FieldChange) -> str:
    """Return a name that no two fields of an entry share: parts of the entity have a table and a key of their own."""
    key = ",".join(str(change.key[name]) for name in sorted(change.key)) if change.key else ""
    return f"{change.table}[{key}].{change.field}"


def _source(entry: Entry) -> dict[str, Any]:
    """Return where the change came from; an application's word is an address only where it looks like one."""
    given = entry.ip or entry.source.client_addr
    if given is None:
        return {}
    try:
        return {"src_endpoint": {"ip": str(ip_address(given))}}
    except ValueError:
        return {"src_endpoint": {"name": given}}


def _bounded(value: Any) -> tuple[Any, bool]:
    """Return the value with no text longer than TEXT, and whether one was."""
    if isinstance(value, str):
        return (value[: TEXT - 1] + "…", True) if len(value) > TEXT else (value, False)
    if isinstance(value, dict):
        parts = {name: _bounded(part) for name, part in value.items()}
        return {_bounded(name)[0]: part for name, (part, _) in parts.items()}, any(cut for _, cut in parts.values())
    if isinstance(value, list):
        made = [_bounded(part) for part in value]
        return [part for part, _ in made], any(cut for _, cut in made)
    return value, False
