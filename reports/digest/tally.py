"""Counting a stream of entries without keeping it: totals, the few that are kept, and who did how much."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Generic, TypeVar

from capture.model import ActorKind, ActorTrust, ChangeType, Entry

PEOPLE_TOLD_APART = 1_000
"""Names are what applications send: so many are counted each by itself, all further ones together."""

_NAME_KEPT = 200

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Totals:
    """How many entries of each type."""

    created: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def all(self) -> int:
        """All of them."""
        return self.created + self.updated + self.deleted

    def __add__(self, other: Totals) -> Totals:
        return Totals(self.created + other.created, self.updated + other.updated, self.deleted + other.deleted)

    def __sub__(self, other: Totals) -> Totals:
        return Totals(self.created - other.created, self.updated - other.updated, self.deleted - other.deleted)


ONE = {
    ChangeType.CREATED: Totals(created=1),
    ChangeType.UPDATED: Totals(updated=1),
    ChangeType.DELETED: Totals(deleted=1),
}
"""One entry, by its type."""


class Kept(Generic[Item]):
    """The `size` items that rank highest, of however many are offered; of equal ones those that came first."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._heap: list[tuple[tuple[int, ...], int, Item]] = []

    def offer(self, rank: tuple[int, ...], number: int, make: Callable[[], Item]) -> None:
        """Take the item that `make` makes if it ranks among the highest so far. `number` grows from offer to offer."""
        place = (rank, -number)
        if len(self._heap) < self.size:
            heapq.heappush(self._heap, (*place, make()))
        elif place > self._heap[0][:2]:
            heapq.heapreplace(self._heap, (*place, make()))

    def last_offered_first(self) -> list[tuple[int, Item]]:
        """Return what was kept, each with its place by rank, 0 for the highest."""
        ranked = sorted(self._heap, key=lambda kept: kept[:2], reverse=True)
        placed = [(number, place, item) for place, (_, number, item) in enumerate(ranked)]
        return [(place, item) for _, place, item in sorted(placed, key=lambda kept: kept[0])]


@dataclass(slots=True)
class Share:
    """What one actor did: `last` is the time of the last entry."""

    name: str
    kind: ActorKind
    trust: ActorTrust
    mark: str | None
    last: datetime
    entries: int = 0
    sensitive: int = 0


@dataclass(slots=True)
class Crowd:
    """Who did how much. The same name claimed and vouched for counts as two: that is what a reader must see."""

    _shares: dict[tuple[str, ...], Share] = field(default_factory=dict)
    unnamed: int = 0
    """Entries of those that came after PEOPLE_TOLD_APART others."""

    def add(self, entry: Entry, *, sensitive: bool) -> None:
        """Count one entry; the newest of an actor must come first."""
        key = (entry.actor_kind, entry.actor_trust, entry.actor_mark or "", _short_key(entry.actor))
        share = self._shares.get(key)
        if share is None:
            if len(self._shares) >= PEOPLE_TOLD_APART:
                self.unnamed += 1
                return
            name = entry.actor[:_NAME_KEPT]
            share = self._shares[key] = Share(name, entry.actor_kind, entry.actor_trust, entry.actor_mark, entry.at)
        share.entries += 1
        share.sensitive += sensitive

    def most_first(self) -> list[Share]:
        """Return all that were told apart, who did most first; of equal ones who was last at work."""
        return sorted(self._shares.values(), key=lambda share: -share.entries)


def _short_key(name: str) -> str:
    """Return what stands for a name: itself, or its beginning and a hash, so that long names do not fill the memory."""
    if len(name) <= _NAME_KEPT:
        return name
    return name[:_NAME_KEPT] + sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
