"""What changed in a row, in few words: "delay 2 → 3 days"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from capture.catalogue.model import Table
from capture.entries.labels import Labels
from capture.entries.net import Delta
from capture.entries.values import HIDDEN, is_secret, json_differences, plain, quoted, words
from capture.model import Json


def label(table: Table, column: str) -> str:
    """Return a column in words."""
    return table.column(column).label or words(column)


def differences(labels: Labels, delta: Delta, columns: set[str]) -> Iterator[str]:
    """Yield what changed in these columns: "delay 2 → 3 days"; in JSON columns, path by path (mapping rule 22)."""
    table = delta.table
    for name in sorted(columns, key=file_order(table)):
        column = table.column(name)
        said = label(table, name)
        before, after = delta.old.get(name), delta.new.get(name)
        if column.secret or HIDDEN in (before, after):
            yield f"{said} changed (value hidden)"
        elif isinstance(before, dict) and isinstance(after, dict):
            for path, one, other in json_differences(before, after):
                found = column.paths.get(path)
                if is_secret(path):
                    yield f"{found.label if found else plain_path(path)} changed (value hidden)"
                    continue
                yield _difference(
                    found.label if found else plain_path(path),
                    _told(one),
                    _told(other),
                    found.unit if found else None,
                    other,
                )
        else:
            told = [
                labels.told(table, name, row, before=is_before) if row.get(name) is not None else None
                for row, is_before in ((delta.old, True), (delta.new, False))
            ]
            yield _difference(said, told[0], told[1], column.unit, after)


def plain_path(path: str) -> str:
    """Return a path inside a JSON value in words."""
    return path.replace("_", " ").replace(".", " › ")


def _told(value: Json) -> str | None:
    if value is None:
        return None
    return quoted(value) if isinstance(value, str) else plain(value)


def _difference(label: str, before: str | None, after: str | None, unit: str | None, value: Json) -> str:
    after_unit = f" {unit if value == 1 else unit + 's'}" if unit else ""
    if before is None:
        return f"{label} set to {after}{after_unit}"
    if after is None:
        return f"{label} cleared (was: {before}{' ' + unit + ('' if before == '1' else 's') if unit else ''})"
    return f"{label} {before} → {after}{after_unit}"


def file_order(table: Table) -> Any:
    """Sort columns as the catalogue names them, the others by name after them: the order must not depend on a set."""
    places, behind = table.places, len(table.places)
    return lambda column: (places.get(column, behind), column)
