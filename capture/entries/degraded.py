"""Statements over available tables that could not be logged, or not in full: an entry for each table and save."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from capture.catalogue.model import Catalogue, Table
from capture.entries.actor import Actor, address, source
from capture.entries.differences import label
from capture.entries.identity import Identity, encode
from capture.entries.net import described
from capture.entries.phrases import count
from capture.model import Change, ChangeType, Entry, Operation, Transaction

NAMED = 5
"""So many of the columns that are missing are named in the sentence."""

_DOING: dict[Operation, str] = {"INSERT": "Creating", "UPDATE": "Updating", "DELETE": "Deleting"}
_TYPES: dict[Operation, ChangeType] = {
    "INSERT": ChangeType.CREATED,
    "UPDATE": ChangeType.UPDATED,
    "DELETE": ChangeType.DELETED,
    "TRUNCATE": ChangeType.DELETED,
}


def without_degraded(changes: Sequence[Change]) -> tuple[list[Change], list[Change]]:
    """Return the changes of rows, and what stands for statements that could not be logged."""
    kept = [change for change in changes if change.degraded is None]
    return kept, [] if len(kept) == len(changes) else [change for change in changes if change.degraded is not None]


def unseen(statements: Sequence[Change]) -> dict[str, int]:
    """Return how many deleted rows are not in the log at all, by table."""
    found: dict[str, int] = defaultdict(int)
    for change in statements:
        if change.operation == "DELETE" and change.degraded and "columns" not in change.degraded:
            found[change.table] += change.degraded["rows"]
    return dict(found)


def degraded(
    transaction: Transaction,
    statements: Sequence[Change],
    catalogue: Catalogue,
    actor: Actor,
) -> Iterator[tuple[int, Entry]]:
    """Yield an entry for each table, with the number of its last row. Its account is not known: it is for Admins."""
    by_table: dict[str, list[Change]] = defaultdict(list)
    for change in statements:
        by_table[change.table].append(change)
    for name, rows in by_table.items():
        table = described(catalogue, name)
        types = {ChangeType.UPDATED if table.parent else _TYPES[change.operation] for change in rows}
        said = tuple(dict.fromkeys(_sentence(table, change) for change in rows))
        yield (
            max(change.id for change in rows),
            Entry(
                id=encode(Identity(transaction.at, transaction.transaction_id, table.module, name, "not recorded")),
                at=transaction.at,
                actor=actor.name,
                actor_kind=actor.kind,
                actor_trust=actor.trust,
                actor_mark=actor.mark,
                ip=address(transaction),
                type=types.pop() if len(types) == 1 else ChangeType.UPDATED,
                module=table.module,
                entity=table.entity,
                entity_id="",
                entity_name=f"some {table.nouns}",
                account=None,
                descriptions=said,
                kinds=(f"{table.noun.replace(' ', '_')}.not_recorded",) * len(said),
                sensitivity="high",
                consequence_of=None,
                changes=(),
                transaction_id=transaction.transaction_id,
                source=source(transaction),
            ),
        )


def _sentence(table: Table, change: Change) -> str:
    found = change.degraded or {}
    what = f"Emptying the table of {table.nouns}"
    if change.operation != "TRUNCATE":
        what = f"{_DOING[change.operation]} {count(found.get('rows'), table.entity, table.nouns)}"
    missing = [label(table, column) for column in found.get("columns", ())]
    more = [f"{len(missing) - NAMED} more"] if len(missing) > NAMED else []
    extent = f" in full ({', '.join(missing[:NAMED] + more)})" if missing else ""
    return f"{what} could not be recorded{extent}: {found.get('message') or 'SQLSTATE ' + found['sqlstate']}"
