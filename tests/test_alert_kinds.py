"""Which kinds of changes are sensitive: listed as data, marked so in the catalogues, and told so in the documentation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from capture.catalogue import load_shipped
from capture.catalogue.model import Table
from capture.catalogue.own import with_own

ROOT = Path(__file__).resolve().parent.parent
SENSITIVE: dict[str, str] = json.loads((ROOT / "tests" / "data" / "sensitive_kinds.json").read_text(encoding="utf-8"))

# A catalogue names them for all tables, since no phrase of one is needed.
IN_CODE = {"table_emptied", "not_recorded"}


def marked(table: Table) -> Iterator[str]:
    """Give the kinds of a table that are of high sensitivity."""
    for phrase in table.phrase:
        if (phrase.sensitivity or table.sensitivity) == "high":
            yield phrase.kind
    for column in (*table.columns.values(), *table.settings.values()):
        if column.kind and (column.sensitivity or table.sensitivity) == "high":
            if column.enabled or column.disabled:
                yield from (f"{column.kind}.enabled", f"{column.kind}.disabled")
            else:
                yield column.kind


def test_the_kinds_that_the_catalogues_mark_are_those_that_are_listed() -> None:
    """Who marks one, or takes the mark off, says why in the list."""
    tables = with_own(load_shipped()).table
    found = {kind for table in tables if table.kind == "tracked" for kind in marked(table)}
    assert found == set(SENSITIVE)
    assert all(SENSITIVE.values())


def test_every_sensitive_kind_is_documented() -> None:
    page = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", page))
    assert set(SENSITIVE) <= named
    assert all(f"`...{kind}`" in page or f".{kind}`" in page for kind in IN_CODE)
