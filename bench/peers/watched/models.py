"""The tables as Django models, each with its table of events."""

from typing import Any

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models as fields

ITEM = {
    "id": lambda: fields.BigIntegerField(primary_key=True),
    "account_id": fields.BigIntegerField,
    "name": fields.TextField,
    "description": lambda: fields.TextField(null=True),
    "kind": fields.TextField,
    "position": fields.IntegerField,
    "enabled": fields.BooleanField,
    "amount": lambda: fields.DecimalField(max_digits=12, decimal_places=2, null=True),
    "config": fields.JSONField,
    "tags": lambda: ArrayField(fields.TextField()),
    "created_at": fields.DateTimeField,
    "updated_at": fields.DateTimeField,
}
WIDE = {"id": ITEM["id"], **{f"c{number}": fields.TextField for number in range(1, 100)}}
HEAVY = {"id": ITEM["id"], "position": fields.IntegerField, "document": fields.JSONField}


def _model(name: str, columns: dict[str, Any]) -> Any:
    """Return a tracked model. Insertions and updates keep the new row, deletions the old one, as the documentation advises."""
    meta = type("Meta", (), {"app_label": "watched", "db_table": name, "managed": False})
    made = {column: make() for column, make in columns.items()}
    model = type(name.title(), (fields.Model,), {"__module__": __name__, "Meta": meta, **made})
    track = pghistory.track(
        pghistory.InsertEvent(),
        pghistory.UpdateEvent(),
        pghistory.DeleteEvent(),
        level=pgtrigger.Statement if settings.PEER_LEVEL == "statement" else pgtrigger.Row,
        **({} if settings.PEER_CONTEXT else {"context_field": None}),
    )
    return track(model)


MODELS = [_model(name, columns) for name, columns in (("item", ITEM), ("wide", WIDE), ("heavy", HEAVY))]
