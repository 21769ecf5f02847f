"""Tables emptied by TRUNCATE: one entry for each table that stands for itself (mapping rule 18)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from capture.catalogue.model import Catalogue
from capture.entries.actor import Actor, address, source
from capture.entries.identity import Identity, encode
from capture.entries.labels import Labels
from capture.entries.net import Delta, described, net
from capture.entries.order import key_text
from capture.entries.phrases import aside, count
from capture.entries.values import quoted
from capture.model import Change, ChangeType, Entry, Transaction

NAMED = 3
"""So many of the removed rows are named in the sentence."""

Truncation = tuple[Change, list[Change]]


def without_emptied(changes: Sequence[Change]) -> tuple[list[Change], list[Truncation]]:
    """Return the changes that no TRUNCATE made pointless, and each last TRUNCATE of a table with the changes before it.

    A partition that was emptied alone takes with it what happened to the rows that it lost.
    """
    if not any(change.operation == "TRUNCATE" for change in changes):
        return list(changes), []
    ordered = sorted(changes, key=lambda change: change.id)
    last = {change.table: change for change in ordered if change.operation == "TRUNCATE" and not change.partition}
    found: list[Truncation] = []
    gone: set[int] = set()
    parts = [part for part in _partitions(ordered) if part.table not in last or part.id > last[part.table].id]
    for end in (*last.values(), *parts):
        rows = [
            change
            for change in ordered
            if change.table == end.table
            and change.operation != "TRUNCATE"
            and change.id < end.id
            and change.id not in gone
        ]
        if end.partition:
            removed = {
                key_text(change.key)
                for change in rows
                if change.key is not None and change.partition[: len(end.partition)] == end.partition
            }
            rows = [
                change
                for change in rows
                if change.partition[: len(end.partition)] == end.partition
                or (change.key is not None and key_text(change.key) in removed)
            ]
        gone |= {change.id for change in rows}
        found.append((end, rows))
    kept = [change for change in changes if change.operation != "TRUNCATE" and change.id not in gone]
    return kept, found


def _partitions(ordered: Sequence[Change]) -> Iterator[Change]:
    """Yield the TRUNCATEs of partitions that are not part of one further up: that one stands directly before them."""
    above: dict[str, list[tuple[str, ...]]] = {}
    for change in ordered:
        paths = above.setdefault(change.table, [])
        if change.operation != "TRUNCATE":
            paths.clear()
        else:
            if change.partition and not any(change.partition[: len(path)] == path for path in paths):
                yield change
            paths.append(change.partition)


def emptied(
    transaction: Transaction,
    truncations: Sequence[Truncation],
    catalogue: Catalogue,
    labels: Labels,
    actor: Actor,
    unseen: Mapping[str, int],
) -> Iterator[tuple[int, Entry]]:
    """Yield an entry for each emptied table with the number of its change; parts count with their entity's table.

    `unseen` are the numbers of removed rows that could not be recorded, by table.
    """
    by_number = {
        change.id: [delta for delta in net(rows, catalogue) if delta.kind == "D"] for change, rows in truncations
    }
    removed = {change.table: by_number[change.id] for change, _ in truncations if not change.partition}
    for change, _ in truncations:
        table = described(catalogue, change.table)
        if table.kind == "label" or (table.parent and table.parent.table in removed):
            continue
        rows = by_number[change.id]
        said = [count(len(rows), table.entity, table.nouns)] if rows else ["nothing in it"]
        if not rows and change.table in unseen:
            said = [f"{count(unseen[change.table], table.entity, table.nouns)} that could not be recorded"]
        said += [
            count(len(removed[part.name]), part.entity, part.nouns)
            for part in catalogue.children(table.name)
            if removed.get(part.name) and not change.partition
        ]
        kind = f"{table.noun.replace(' ', '_')}.table_emptied"
        root = described(catalogue, table.parent.table) if table.parent else None
        thing = f"{root.noun} {table.nouns}" if root and root.kind != "label" else table.nouns
        partition = change.partition[-1] if change.partition else ""
        what = f"the partition {quoted(partition)} of the table of {thing}" if partition else f"the table of {thing}"
        yield (
            change.id,
            Entry(
                id=encode(Identity(transaction.at, transaction.transaction_id, table.module, table.name, partition)),
                at=transaction.at,
                actor=actor.name,
                actor_kind=actor.kind,
                actor_trust=actor.trust,
                ip=address(transaction),
                type=ChangeType.DELETED,
                module=table.module,
                entity=table.entity,
                entity_id=partition,
                entity_name=f"all {thing} in {partition}" if partition else f"all {thing}",
                account=_account(rows),
                descriptions=(f"Emptied {what}: removed {_names(rows, labels, said[0])}{aside(', '.join(said[1:]))}",),
                kinds=(kind,),
                sensitivity="high",
                consequence_of=None,
                changes=(),
                transaction_id=transaction.transaction_id,
                source=source(transaction),
                actor_mark=actor.mark,
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
