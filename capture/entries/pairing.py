"""What belongs together among the rows of one transaction: replaced parts, moved rows, followers and causes."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from capture.entries.net import Delta
from capture.entries.order import key_text
from capture.model import Json

MOVES = 10
"""A save that moved more rows than this has put everything in a new order: the rest count as shifted."""


def pair_replaced(deltas: list[Delta]) -> list[Delta]:
    """Return the deltas with deleted parts paired to inserted ones of the same parent (mapping rule 4).

    Parts that came back the same are dropped, those that only moved or changed become updates.
    """
    groups: dict[Hashable, list[Delta]] = defaultdict(list)
    for delta in deltas:
        if delta.table.parent and delta.table.pairing and delta.kind in ("I", "D"):
            groups[delta.table.name, delta.root_table, key_text(delta.root_key)].append(delta)
    gone: set[int] = set()
    for group in groups.values():
        gone |= _pair(group)
    return [delta for delta in deltas if id(delta) not in gone and (delta.kind != "U" or delta.changed)]


def _pair(group: list[Delta]) -> set[int]:
    """Turn insertions into updates where a deletion of the group matches; return which deletions are told by that."""
    inserted = [delta for delta in group if delta.kind == "I"]
    deleted = [delta for delta in group if delta.kind == "D"]
    gone: set[int] = set()
    for sign in (_content, _content_without_order, _place):
        waiting: dict[str, list[Delta]] = defaultdict(list)
        for delta in reversed(inserted):
            if delta.kind == "I":
                waiting[sign(delta)].append(delta)
        for delta in deleted:
            found = waiting.get(sign(delta)) if id(delta) not in gone else None
            if found:
                gone.add(id(delta))
                _update(delta, found.pop())
    return gone


def _surrogate(delta: Delta) -> set[str]:
    """Return the columns that only number a row: its key, as far as it refers to nothing."""
    table = delta.table
    natural = {*table.lookups, *table.pairing, *(table.parent.columns if table.parent else ())}
    return set(delta.key or {}) - natural


def _text(value: Json) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _content(delta: Delta, *without: str) -> str:
    skip = _surrogate(delta) | set(delta.table.ignored) | set(without)
    return _text({column: value for column, value in delta.now.items() if column not in skip})


def _content_without_order(delta: Delta) -> str:
    order = delta.table.order
    return _content(delta, order.column) if order else _content(delta)


def _place(delta: Delta) -> str:
    return _text([delta.now.get(column) for column in delta.table.pairing])


def _update(before: Delta, after: Delta) -> None:
    skip = _surrogate(after) | set(after.table.ignored)
    changed = {column for column in {*before.old, *after.new} - skip if before.old.get(column) != after.new.get(column)}
    after.kind, after.old, after.changed, after.first = "U", before.old, changed, min(before.first, after.first)


def handed_over(delta: Delta, renumbered: Mapping[tuple[str, str], str]) -> list[Delta]:
    """Return a part that went to another entity as removed from the one and added to the other; any other row as it is.

    Each is for the account of its own entity: neither learns what the other has. `renumbered` has the entities whose key the
    save changed, table and old key to new key: the parts of these only followed.
    """
    if delta.kind != "U":
        return [delta]
    if delta.former_root is None:
        return [replace(delta, kind="I", old={})] if _was_alone(delta) else [delta]
    table, key = delta.former_root
    if table == delta.root_table and renumbered.get((table, key_text(key))) == key_text(delta.root_key):
        return [replace(delta, former_root=None, former_account=None)]
    removed = replace(
        delta,
        kind="D",
        new={},
        root_table=table,
        root_key=key,
        account=delta.former_account,
        former_root=None,
        former_account=None,
    )
    left = None if delta.former_account == delta.account else delta.former_account
    if delta.is_root:
        return [removed, replace(delta, former_root=None, former_account=left)]
    return [removed, replace(delta, kind="I", old={}, former_root=None, former_account=None)]


def renumbered(deltas: Iterable[Delta]) -> dict[tuple[str, str], str]:
    """Return the entities whose key changed: table and old key to new key, as text."""
    found = {}
    for delta in deltas:
        if delta.kind == "U" and delta.is_root and delta.key is not None and delta.changed & set(delta.key):
            before = {column: delta.old.get(column, value) for column, value in delta.key.items()}
            found[delta.table.name, key_text(before)] = key_text(delta.key)
    return found


def _was_alone(delta: Delta) -> bool:
    """Return whether the row had no parent and has one now."""
    columns = delta.table.parent.columns if delta.table.parent else ()
    return not delta.is_root and any(column in delta.changed and delta.old.get(column) is None for column in columns)


def find_moves(deltas: list[Delta]) -> None:
    """Mark the rows that were moved, and hide those that others pushed along (mapping rules 5 and 22).

    Which row a person moved is not in the data: it is the one with the largest displacement, then the next largest,
    until the rest have kept their order. Where rows came or went and the rest kept their order, nobody moved anything,
    as long as no row went further than those explain.
    """
    groups: dict[Hashable, list[Delta]] = defaultdict(list)
    for delta in deltas:
        order = delta.table.order
        if order is None:
            continue
        scope = tuple(str(delta.now.get(column)) for column in order.scope)
        owner: Any = (delta.root_table, key_text(delta.root_key)) if delta.table.parent else delta.account
        groups[delta.table.name, owner, scope].append(delta)
    for group in groups.values():
        order = group[0].table.order
        if order is None:
            continue
        column = order.column
        shifted = [delta for delta in group if _position_changed(delta, column)]
        if not shifted:
            continue
        moved = _movers(group, shifted, column, set(order.scope))
        rest = [delta for delta in shifted if not delta.moved]
        for delta in rest:
            delta.changed.discard(column)
            if moved:
                moved[0].shifted.append(delta)
                delta.told_by = moved[0]
            if not delta.changed:
                delta.hidden = True


def _position_changed(delta: Delta, column: str) -> bool:
    if delta.kind != "U" or delta.soft or column not in delta.changed:
        return False
    return isinstance(delta.old.get(column), int) and isinstance(delta.new.get(column), int)


def _movers(group: list[Delta], shifted: list[Delta], column: str, scope: set[str]) -> list[Delta]:
    """Mark and return the rows of one list that a person moved."""
    others = any(delta.kind != "U" or delta.soft or (scope & delta.changed) for delta in group)
    rest = list(shifted)
    moved: list[Delta] = []
    while rest and len(moved) < MOVES:
        stayed = [delta for delta in rest if not scope & delta.changed]
        unexplained = _unexplained(group, stayed, moved, column) if others else []
        if not unexplained and _kept_order(rest, column) and (others or moved):
            break
        mover = max(
            unexplained or rest,
            key=lambda delta: (abs(_displacement(delta, column)), _displacement(delta, column) < 0, -delta.first),
        )
        rest.remove(mover)
        moved.append(mover)
        mover.moved = True
    return moved


def _unexplained(group: list[Delta], rest: list[Delta], moved: list[Delta], column: str) -> list[Delta]:
    """Return the rows that went further, or another way, than the rows that came or went would push them.

    Rows that went equally far were pushed together, and one that took the place of a row that went closed the gap:
    positions need not be counted by ones.
    """
    gone = [delta for delta in group if delta.kind == "D" or delta.soft == "deleted"]
    came = len({*group} - {*gone, *moved, *rest})
    free = {delta.old.get(column) for delta in gone}
    together = Counter(_displacement(delta, column) for delta in rest)
    lowest, highest = -len(gone) - len(moved), came + len(moved)
    return [
        delta
        for delta in rest
        if together[_displacement(delta, column)] == 1
        and not lowest <= _displacement(delta, column) <= highest
        and not (_displacement(delta, column) < 0 and delta.new[column] in free)
    ]


def _displacement(delta: Delta, column: str) -> int:
    return int(delta.new[column]) - int(delta.old[column])


def _kept_order(deltas: Iterable[Delta], column: str) -> bool:
    by_old = sorted(deltas, key=lambda delta: delta.old[column])
    after = [delta.new[column] for delta in by_old]
    return after == sorted(after)


def find_followers(deltas: list[Delta]) -> None:
    """Hide rows that went with the row they follow, and tell that row of them (mapping rule 16)."""
    parts = {delta.table.follows.columns for delta in deltas if delta.table.follows}
    deleted = {
        (delta.table.name, _part(delta, columns)): delta for columns in parts for delta in deltas if delta.kind == "D"
    }
    for delta in deltas:
        follows = delta.table.follows
        if follows is None or delta.kind != "D":
            continue
        leader = deleted.get((follows.table, _part(delta, follows.columns)))
        if leader is not None and leader is not delta:
            leader.followers.append(delta)
            delta.hidden, delta.told_by = True, leader


def _part(delta: Delta, columns: Iterable[str]) -> tuple[str, ...]:
    return tuple(str(delta.old.get(column)) for column in columns)


def find_causes(deltas: list[Delta], is_entity: Callable[[Delta], bool]) -> None:
    """Note with each row the deletion that the database carried on to it: SET NULL and CASCADE (mapping rule 17)."""
    removed = {
        (delta.table.name, key_text(delta.key)): delta
        for delta in deltas
        if delta.kind == "D" and delta.key is not None
    }
    for delta in deltas:
        if delta.kind == "I" or delta.caused_by is not None:
            continue
        for column, other in delta.table.refers_to.items():
            referred = delta.old.get(column)
            if referred is None or (
                delta.kind == "U" and (delta.changed != {column} or delta.new.get(column) is not None)
            ):
                continue
            cause = removed.get((other, key_text(referred)))
            if cause is not None and cause is not delta and is_entity(cause):
                delta.caused_by = cause
                break
