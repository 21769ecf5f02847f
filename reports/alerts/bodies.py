"""What a request to the webhook says: sensitive entries as JSON, a bounded number of bounded ones at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from capture.model import Entry
from capture.window import Window
from reports.documents import ascii_line, entry_document, utc

ENTRIES_A_REQUEST = 100
LARGEST = 256 * 1024
"""Bytes of a request, but for a single entry that is longer."""

TEXT = 1_000
CHANGES = 50
SENTENCES = 50


@dataclass(frozen=True, slots=True)
class Body:
    """One request: its number among those of the window, how many entries it tells, the time of the oldest, and its bytes."""

    part: int
    entries: int
    oldest: datetime
    content: bytes


def bodies(entries: Iterable[Entry], window: Window, product: str) -> Iterator[Body]:
    """Yield the requests that tell *entries*, which come oldest first and are read once; each stands in exactly one.

    `last` in a request says that no further one of the same window follows.
    """
    part, held = 0, list[tuple[Entry, str]]()
    size = 0
    for entry in entries:
        said = ascii_line(bounded(entry))
        if held and (len(held) >= ENTRIES_A_REQUEST or size + len(said) > LARGEST):
            part += 1
            yield _body(held, window, product, part, last=False)
            held, size = [], 0
        held.append((entry, said))
        size += len(said)
    if held:
        yield _body(held, window, product, part + 1, last=True)


def bounded(entry: Entry) -> dict[str, Any]:
    """Return an entry under its public names, in at most so many characters and changes; `truncated` says whether that is less than all."""
    document, cut = entry_document(entry), False

    def short(value: Any) -> Any:
        nonlocal cut
        if isinstance(value, str) and len(value) > TEXT:
            cut = True
            return value[: TEXT - 1] + "…"
        if isinstance(value, dict):
            return {short(name): short(part) for name, part in value.items()}
        if isinstance(value, list):
            return [short(part) for part in value]
        return value

    for name, most in (("changes", CHANGES), ("descriptions", SENTENCES), ("kinds", SENTENCES)):
        cut = cut or len(document[name]) > most
        document[name] = document[name][:most]
    shortened = {name: short(value) for name, value in document.items()}
    return {**shortened, "truncated": cut}


def _body(held: list[tuple[Entry, str]], window: Window, product: str, part: int, *, last: bool) -> Body:
    times = [entry.at for entry, _ in held]
    first, after = window.first, window.next
    head = ascii_line(
        {
            "product": product,
            "window": f"{first.incarnation}.{first.xid}-{after.incarnation}.{after.xid}",
            "part": part,
            "last": last,
        }
    )
    told = ",".join(said for _, said in held)
    content = f'{{"type":"audit.alert","timestamp":"{utc(max(times))}","data":{head[:-1]},"entries":[{told}]}}}}'
    return Body(part, len(held), min(times), content.encode("ascii"))
