"""Comparing the rows of tracked tables with what their log says that they are: what went past the triggers shows.

The work is done in SQL (sql/queries/reconcile_differences.sql, audit.account); here the differences only pass through.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

import psycopg
from psycopg import errors
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb, set_json_loads

from capture.baseline import Comparable, one_snapshot, own_transactions, take
from capture.errors import DatabaseError, UsageError
from capture.model import Json
from capture.reading import load_json
from capture.resources import query

KEPT = 100
"""Differences that the log keeps of those that somebody accepted."""

_BLOCK = 500

_NOWHERE = "audit.change_spill"
"""Where to look for changes of a table that has none: it is all but empty."""

_UNSURE = (
    "the log cannot say what its rows are: a TRUNCATE could not read them, a value could not be kept, its key was renamed twice, "
    "or it has none and an earlier version logged its updates"
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A row, or a value of it, that is not what the log says.

    `missing`: the log says that there is such a row (its values are `log_says`); `unexpected`: there is one (`table_has`) that
    the log does not know of; `differs`: the value of `column` is another one. Of a table without a key, whose rows have an empty
    `key`, `rows` counts how many too few or too many there are of one content.
    """

    table: str
    key: dict[str, Json]
    kind: Literal["missing", "unexpected", "differs"]
    column: str | None
    log_says: Json
    table_has: Json
    rows: int = 1


@dataclass(frozen=True, slots=True)
class Compared:
    """What became of one table. `reason` says why it was not compared, else None; `left_out` are columns that were not.

    `baseline` is when the rows were read with which the comparison begins; `accepted` the number of rows that are the new
    baseline, None where none was taken. `curable` tells whether a new baseline would make the table comparable.
    """

    table: str
    differences: int
    reason: str | None
    baseline: datetime | None
    left_out: tuple[str, ...]
    accepted: int | None = None
    curable: bool = True

    @property
    def agrees(self) -> bool:
        """Whether the table was compared and is what the log says."""
        return self.reason is None and self.differences == 0


def reconcile(
    conn: psycopg.Connection[Any], names: Sequence[str] = (), *, rebase: bool = False
) -> Generator[Difference | Compared, None, None]:
    """Compare tracked tables, all or those named ('schema.table', unquoted): yield the differences of each, then what became of it.

    With *rebase* the present rows become the baseline, and audit.rebase says who accepted what; all or nothing. All is read in
    one snapshot. *conn* must be in no transaction, its login own the tables and be a member of audit_owner.

    Raises UsageError for a name that is not under watch, DatabaseError where rights are missing or a table stays locked.
    """
    done: list[tuple[Comparable, Compared, list[Difference]]] = []
    with own_transactions(conn), _refusals():
        with one_snapshot(conn, names or None, rebase=rebase) as (tables, days):
            _require(names, tables)
            for table in tables:
                compared, kept = yield from _compare(conn, table, days.get(table.id, [_NOWHERE]))
                if rebase and table.unreadable is None:
                    compared = replace(compared, accepted=take(conn, table))
                done.append((table, compared, kept))
                yield compared
            # Last, so that what is written here is no part of a baseline and a change after it.
            for _, compared, kept in done:
                if compared.accepted is not None:
                    conn.execute(query("reconcile_accept"), _acceptance(compared, kept))
        now = datetime.now(UTC)
        for table, compared, _ in done:
            if compared.reason is None or compared.accepted is not None:
                left = 0 if compared.accepted is not None else compared.differences
                conn.execute(query("reconcile_noted"), {"at": now, "differences": left, "table": table.id})


@contextmanager
def _refusals() -> Iterator[None]:
    """Say of a refused right who may."""
    try:
        yield
    except errors.InsufficientPrivilege as error:
        said = (error.diag.message_primary or str(error)).splitlines()[0]
        raise DatabaseError(
            f"{said}: compare as a login that owns the tables and is a member of audit_owner"
        ) from error


def _compare(
    conn: psycopg.Connection[Any], table: Comparable, parts: Sequence[str]
) -> Generator[Difference, None, tuple[Compared, list[Difference]]]:
    """Yield the differences of one table; return what became of it, and the first of them."""
    kept: list[Difference] = []
    reason, number = table.unreadable or table.baseless, 0
    if reason is None:
        with closing(_differences(conn, table, parts)) as found:
            for each in found:
                if each is None:
                    reason = _UNSURE
                    break
                number += 1
                if number <= KEPT:
                    kept.append(each)
                yield each
    compared = Compared(
        table.table_name,
        number,
        reason,
        table.taken_at,
        tuple(table.left_out),
        curable=table.unreadable is None,
    )
    return compared, kept


def _require(names: Sequence[str], tables: Sequence[Comparable]) -> None:
    known = {table.table_name for table in tables}
    for name in names:
        if name not in known:
            raise UsageError(f"no table is tracked as {name}: whochanged status  lists those that are")


def _differences(
    conn: psycopg.Connection[Any], table: Comparable, parts: Sequence[str]
) -> Generator[Difference | None, None, None]:
    """Yield the differences of one table, a block of them in memory at a time; None where the log cannot say what its rows are."""
    given = {"table": table.id, "parts": list(parts), "key_columns": table.key_columns}
    name = "reconcile_differences" if table.key_columns else "reconcile_rows"
    with conn.cursor("reconcile", row_factory=tuple_row) as cursor:
        set_json_loads(load_json, cursor)
        cursor.itersize = _BLOCK
        for kind, key, column, says, has, rows in cursor.execute(query(name), given):
            if kind == "void":
                yield None
            else:
                yield Difference(table.table_name, key, kind, column, says, has, rows)


def _acceptance(compared: Compared, kept: Sequence[Difference]) -> dict[str, Any]:
    return {
        "table_name": compared.table,
        "rows": compared.accepted,
        "differences": compared.differences,
        "accepted": Jsonb([_told(each) for each in kept], dumps=_dump),
        "reason": compared.reason,
    }


def _told(each: Difference) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "key": each.key,
        "column": each.column,
        "log_says": each.log_says,
        "table_has": each.table_has,
        "rows": each.rows,
    }


def _dump(value: Any) -> str:
    """Return JSON with the decimals as text: their digits count."""
    return json.dumps(value, default=str)
