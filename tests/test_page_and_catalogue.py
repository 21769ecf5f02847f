"""The documented page's module table, the 69 kinds and the shipped catalogue name the same changes."""

from __future__ import annotations

import json
from pathlib import Path

from capture.catalogue import load_shipped

DATA = Path(__file__).parent / "data"


def page_table() -> dict[str, str]:
    """Return the module table of the page: module to the text of what is tracked."""
    text = (DATA / "audit-logs-help-page.txt").read_text()
    table = text.split("Module | Changes tracked |\n---|\n", 1)[1]
    rows = [line.split(" | ", 1) for line in table.splitlines() if " | " in line]
    return {module.strip(): tracked.strip() for module, tracked in rows}


def test_the_catalogue_quotes_every_line_of_the_page_and_no_other() -> None:
    catalogue = load_shipped()
    for module, tracked in page_table().items():
        quoted = [line.tracks for line in catalogue.documented if line.module == module]
        assert " ".join(quoted) == tracked


def test_the_modules_are_those_of_the_page_in_its_order() -> None:
    assert load_shipped().modules == tuple(page_table())


def test_the_kinds_are_the_documented_ones_under_their_modules() -> None:
    documented = {(kind["kind"], kind["module"]) for kind in json.loads((DATA / "documented_kinds.json").read_text())}
    assert {(kind, line.module) for line in load_shipped().documented for kind in line.kinds} == documented


def test_no_documented_kind_is_without_a_table_that_can_say_it() -> None:
    catalogue = load_shipped()
    sayable: set[str] = set()
    for table in catalogue.table:
        sayable |= {phrase.kind for phrase in table.phrase}
        for column in table.columns.values():
            if column.kind:
                sayable |= {column.kind, f"{column.kind}.enabled", f"{column.kind}.disabled"}
        noun = table.noun.replace(" ", "_")
        sayable |= {f"{noun}.created", f"{noun}.deleted"}
        if table.order:
            sayable.add(table.order.kind)
    assert catalogue.documented_kinds <= sayable
