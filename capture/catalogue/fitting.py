"""Whether catalogue, database and watch still fit each other: what `whochanged status` says of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import psycopg

from capture.catalogue.checking import check, columns_of, names_unknown, wordless
from capture.catalogue.installing import installed_catalogue, untracked
from capture.errors import ConfigurationError
from capture.resources import query


@dataclass(frozen=True, slots=True)
class Fit:
    """What does not fit, all empty where everything does.

    `untracked` are tables beside tracked ones that nobody tracks or leaves out, `not_tracked` those that the catalogue describes
    and nobody tracks. `unfit` says what of the catalogue the database does not have, or what can never be shown by it.
    `wordless` are, by table, columns that the catalogue has no words for: no fault, for they go by their names.
    """

    untracked: list[str] = field(default_factory=list)
    not_tracked: list[str] = field(default_factory=list)
    unfit: list[str] = field(default_factory=list)
    wordless: dict[str, list[str]] = field(default_factory=dict)


def fit(conn: psycopg.Connection[Any]) -> Fit:
    """Compare the installed catalogue, the tables of the database and those under watch."""
    with conn.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        beside = [str(row[0]) for row in cursor.execute(query("coverage_untracked"))]
        recorded = {name: tuple(columns) for name, columns in cursor.execute(query("coverage_words"))}
    try:
        catalogue = installed_catalogue(conn)
    except ConfigurationError as error:
        return Fit(untracked=beside, unfit=[str(error)])
    if catalogue is None:
        return Fit(untracked=beside)
    unfit, tables = names_unknown(catalogue), columns_of(conn)
    # A table that is gone or renamed is told with the watch over it.
    if all(name in tables for name in catalogue.by_name):
        try:
            check(catalogue, tables)
        except ConfigurationError as error:
            unfit.insert(0, str(error))
    not_tracked = untracked(conn, catalogue)
    return Fit(
        [name for name in beside if name not in not_tracked and not catalogue.leaves_out(name)],
        not_tracked,
        unfit,
        wordless(catalogue, recorded),
    )
