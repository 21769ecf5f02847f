"""Tables emptied by TRUNCATE: one entry for each table that stands for itself (mapping rule 18)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from capture.catalogue.model import Catalogue
from capture.entries.actor import address, shown, source
from capture.entries.identity import Identity, encode
from capture.entries.labels import Labels
from capture.entries.net import Delta, described, net
from capture.entries.phrases import aside, count
from capture.entries.values import quoted
from capture.model import Change, ChangeType, Entry, Transaction

NAMED = 3
"""So many of the removed rows are named in the sentence."""

Truncation = tuple[Change, list[Change]]


def without_emptied(changes: Sequence[Change]) -> tuple[list[Change], list[Truncation]]:
    """Return the changes that no TRUNCATE made pointless, and each last TRUNCATE of a table with the changes before it."""
    last = {
        change.table: change
        for change in sorted(changes, key=lambda change: change.id)
        if change.operation == "TRUNCATE"
    }
    kept = [
        change
        for change in changes
        if change.operation != "TRUNCATE" and (change.table not in last or change.id > last[change.table].id)
    ]
    before = {
        table: [c for c in changes if c.table == table and c.operation != "TRUNCATE" and c.id < end.id]
        for table, end in last.items()
    }
    return kept, [(end, before[table]) for table, end in last.items()]


def emptied(
    transaction: Transaction,
    truncations: Sequence[Truncation],
    catalogue: Catalogue,
    labels: Labels,
    product_roles: Collection[str],
    gateways: Collection[str],
) -> Iterator[tuple[int, Entry]]:
    """Yield an entry for each emptied table with the number of its change; parts count with their entity's table."""
    removed = {
        change.table: [delta for delta in net(rows, catalogue) if delta.kind == "D"] for change, rows in truncations
    }
    actor = shown(transaction, product_roles, gateways)
    for change, _ in truncations:
        table = described(catalogue, change.table)
        if table.kind == "label" or (table.parent and table.parent.table in removed):
            continue
        rows = removed[change.table]
        said = [count(len(rows), table.entity, table.nouns)] if rows else ["nothing in it"]
        said += [
            count(len(removed[part.name]), part.entity, part.nouns)
            for part in catalogue.children(table.name)
            if removed.get(part.name)
        ]
        kind = f"{table.noun.replace(' ', '_')}.table_emptied"
        root = described(catalogue, table.parent.table) if table.parent else None
        thing = f"{root.noun} {table.nouns}" if root and root.kind != "label" else table.nouns
        yield (
            change.id,
            Entry(
                id=encode(Identity(transaction.at, transaction.transaction_id, table.module, table.name, "")),
                at=transaction.at,
                actor=actor.name,
                actor_kind=actor.kind,
                actor_trust=actor.trust,
                ip=address(transaction),
                type=ChangeType.DELETED,
                module=table.module,
                entity=table.entity,
                entity_id="",
                entity_name=f"all {thing}",
                account=_account(rows),
                descriptions=(
                    f"Emptied the table of {thing}: removed {_names(rows, labels, said[0])}{aside(', '.join(said[1:]))}",
                ),
                kinds=(kind,),
                sensitivity="high",
                consequence_of=None,
                changes=(),
                transaction_id=transaction.transaction_id,
                source=source(transaction),
            ),
        )


def _names(rows: list[Delta], labels: Labels, counted: str) -> str:
    names = []
    for delta in rows[:NAMED]:
        name = labels.word(delta.table, delta.table.label, delta.old, before=True) if delta.table.label else None
        if name:
            names.append(quoted(name))
    if not names:
        return counted
    more = len(rows) - len(names)
    return f"{counted}: {', '.join(names)}{f' and {more} more' if more else ''}"


def _account(rows: list[Delta]) -> str | None:
    """Return the account of the removed rows; None where they are of several, for Admins only."""
    accounts = {delta.account for delta in rows}
    return accounts.pop() if len(accounts) == 1 else None
