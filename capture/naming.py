"""Which columns name the rows that others refer to: those whose past must be known to say what a row was called then."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

from capture.catalogue.model import Catalogue, Table

_REFERENCE = re.compile(r"\b(?:before_of|after_of)\(\s*['\"](\w+)['\"]\s*,\s*['\"](\w+)['\"]\s*\)")


def naming(catalogue: Catalogue) -> Mapping[str, frozenset[str]]:
    """Return the columns, by table, that sentences look up in other rows, as far as the catalogue shows it."""
    found: dict[str, set[str]] = defaultdict(set)
    for table in catalogue.table:
        if table.label:
            found[table.name].add(table.label)
        for target in table.lookups.values():
            _add(found, target)
        for column, other in _references(table):
            if column in table.lookups:
                found[table.lookups[column].rpartition(".")[0]].add(other)
    for field in catalogue.fields.values():
        if field.lookup:
            _add(found, field.lookup)
    return {table: frozenset(columns) for table, columns in found.items()}


def _add(found: dict[str, set[str]], target: str) -> None:
    table, _, column = target.rpartition(".")
    found[table].add(column)


def _references(table: Table) -> list[tuple[str, str]]:
    texts = [table.item, table.configuration_when]
    for phrase in table.phrase:
        texts += [phrase.text, phrase.when]
    for column in (*table.columns.values(), *table.settings.values()):
        texts += [column.changed, column.set, column.cleared, column.enabled, column.disabled]
    return [pair for text in texts if text for pair in _REFERENCE.findall(text)]
