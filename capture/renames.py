"""Columns that were renamed: what the log has under another name is told in the words of the catalogue all the same.

A catalogue names columns as they are. Which names they had is noted by each installation, in the catalogue that it keeps; what was
renamed since the last one, the database tells by the number of the column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from capture.catalogue.model import Catalogue
from capture.model import Change, Row
from capture.resources import query


@dataclass(frozen=True, slots=True)
class Watched:
    """A table under watch: its name as the log noted it and its present one; present names of columns by those noted; all columns."""

    noted: str
    now_called: str
    renamed: dict[str, str]
    columns: Sequence[str]


def watched(conn: psycopg.Connection[Any]) -> list[Watched]:
    """Return the tables under watch, with what was renamed since an installation last looked at them."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        return [Watched(*row) for row in cursor.execute(query("reading_renames"))]


def with_renames(catalogue: Catalogue, before: Catalogue | None, tables: Sequence[Watched]) -> Catalogue:
    """Return the catalogue with the former names of columns: those that the one *before* it kept, and those of since then."""
    kept = {table.name: table.renamed for table in before.table} if before else {}
    # A table that is gone may be made again.
    former = {name: names for name, names in kept.items() if name not in {each.noted for each in tables}}
    for each in tables:
        older = {name: each.renamed.get(now, now) for name, now in kept.get(each.noted, {}).items()}
        names = {name: now for name, now in (older | each.renamed).items() if name != now and now in each.columns}
        former[each.now_called] = names
    return catalogue.with_tables(
        tuple(
            table.model_copy(update={"renamed": former[table.name] | table.renamed})
            if former.get(table.name)
            else table
            for table in catalogue.table
        )
    )


class Names:
    """The names that columns have in the log, and those that the catalogue calls them by."""

    def __init__(self, conn: psycopg.Connection[Any], catalogue: Catalogue) -> None:
        """Look up what was renamed since the last installation."""
        self._called: dict[str, dict[str, str]] = {}
        present = {each.noted: each for each in watched(conn)}
        for table in catalogue.table:
            each = present.get(table.name)
            words = table.named_columns()
            called = dict(table.renamed)
            for noted, now in each.renamed.items() if each else ():
                # The catalogue may not have been told of the new name yet.
                called |= {now: noted} if noted in words and now not in words else {noted: now}
            # A name that another column has by now means that one.
            taken = {*each.columns} - {*each.renamed.values()} if each else set()
            called = {name: one for name, one in called.items() if name not in taken}
            if called:
                self._called[table.name] = called

    @property
    def called(self) -> Mapping[str, Mapping[str, str]]:
        """By table, what the catalogue calls columns that the log has under other names."""
        return self._called

    def all_of(self, table: str, column: str) -> list[str]:
        """Return every name of a column in the log, the catalogue's own first."""
        renamed = self._called.get(table)
        return [column, *(name for name, called in renamed.items() if called == column)] if renamed else [column]

    def told(self, changes: list[Change]) -> list[Change]:
        """Return the changes with their columns as the catalogue calls them. Keys stay: ids of entries are made of them."""
        return [
            replace(
                change,
                old=change.old and _told(change.old, called),
                new=change.new and _told(change.new, called),
                about=_told(change.about, called),
            )
            if (called := self._called.get(change.table))
            else change
            for change in changes
        ]


def _told(image: Row, called: Mapping[str, str]) -> Row:
    """Return the image under other names, but for those that it has itself."""
    return {name if (other := called.get(name, name)) in image else other: value for name, value in image.items()}
