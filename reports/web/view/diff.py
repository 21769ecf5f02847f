"""The difference between two values word by word, as an admin reads it: what stayed, what is gone, what is new."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import Literal

from reports import safety

Kind = Literal["same", "gone", "new"]

WORDS_COMPARED = 1_500
"""Longer texts are compared at their ends only: finding the shortest difference takes the square of their length."""

_ALIKE = 0.34
"""Two values that share fewer of their words than this read better side by side than interwoven."""

_AROUND = 60
"""So many characters of an unchanged passage stay in sight on either side of a change, where the rest is left out."""

_TOKEN = re.compile(r"\s+|\d+(?:[.,:]\d+)+|\w+(?:[.:@/'’-]\w+)*|[^\w\s]")
"""Spaces, numbers and times as they are written (1,000.5, 09:00), words, addresses and names with what joins their parts, signs."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text and what became of it. `left_out` counts the characters of an unchanged passage that are not shown after it."""

    kind: Kind
    text: str
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """Two values as pieces in reading order. `whole` tells that they share too little: all of the one, then all of the other.

    `cut` counts the characters of both that are not shown.
    """

    pieces: tuple[Piece, ...]
    whole: bool
    cut: int = 0


def difference(before: str | None, after: str | None, *, limit: int, brief: bool = False) -> Difference:
    """Return what changed between two values, at most `limit` characters of each looked at; None is no value.

    All text is harmless (reports.safety), with its line breaks. `brief` leaves out what is far from any change.
    """
    old, new = (None if text is None else _clean(text[:limit]) for text in (before, after))
    cut = sum(max(len(text) - limit, 0) for text in (before, after) if text is not None)
    if old is None or new is None or not (old and new):
        pieces = [Piece(kind, text) for kind, text in ((_GONE, old), (_NEW, new)) if text]
        return Difference(tuple(pieces), whole=True, cut=cut)
    if old == new:
        return Difference((Piece("same", old),), whole=False, cut=cut)
    found = list(_pieces(_TOKEN.findall(old), _TOKEN.findall(new)))
    kept = sum(len(piece.text) for piece in found if piece.kind == "same" and piece.text.strip())
    if kept < _ALIKE * min(len(old), len(new)):
        return Difference((Piece("gone", old), Piece("new", new)), whole=True, cut=cut)
    return Difference(tuple(_brief(found) if brief else found), whole=False, cut=cut)


_GONE: Kind = "gone"
_NEW: Kind = "new"


def _clean(text: str) -> str:
    """Return the text harmless, its line breaks and tabs kept: a value may be a letter of several paragraphs."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(safety.neutral(line.replace("\t", "    ")) for line in lines)


def _pieces(old: Sequence[str], new: Sequence[str]) -> Iterator[Piece]:
    """Yield the pieces of two lists of words; of neighbours of one kind only one, and the gone before the new."""
    runs: list[tuple[Kind, str]] = []
    for tag, a, b, c, d in _opcodes(old, new):
        one, other = "".join(old[a:b]), "".join(new[c:d])
        if tag == "equal" and one.strip():
            runs.append(("same", one))
        else:
            # A space between two changed words is part of the change, or it would be read as a third thing.
            runs += [("gone", one), ("new", other)]
    for same, group in groupby(runs, key=lambda run: run[0] == "same"):
        texts = list(group)
        if same:
            yield Piece("same", "".join(text for _, text in texts))
            continue
        gone, added = ("".join(text for kind, text in texts if kind == wanted) for wanted in ("gone", "new"))
        before, gone, added, behind = _trimmed(gone, added)
        pieces = (("same", before), ("gone", gone), ("new", added), ("same", behind))
        yield from (Piece(kind, text) for kind, text in pieces if text)  # type: ignore[arg-type]


def _trimmed(gone: str, added: str) -> tuple[str, str, str, str]:
    """Return both without the spaces that they begin and end with alike, and those spaces."""
    if gone == added:
        return gone, "", "", ""
    first = 0
    while first < min(len(gone), len(added)) and gone[first] == added[first] and gone[first].isspace():
        first += 1
    last = 0
    while (
        last < min(len(gone), len(added)) - first
        and gone[len(gone) - 1 - last] == added[len(added) - 1 - last]
        and gone[len(gone) - 1 - last].isspace()
    ):
        last += 1
    return gone[:first], gone[first : len(gone) - last], added[first : len(added) - last], gone[len(gone) - last :]


def _opcodes(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield the steps from one list of words to the other; what is in the middle of long ones is not compared."""
    first = 0
    while first < min(len(old), len(new)) and old[first] == new[first]:
        first += 1
    last = 0
    while last < min(len(old), len(new)) - first and old[-1 - last] == new[-1 - last]:
        last += 1
    yield "equal", 0, first, 0, first
    a, b, c, d = first, len(old) - last, first, len(new) - last
    if max(b - a, d - c) > WORDS_COMPARED:
        yield "replace", a, b, c, d
    else:
        for tag, i, j, k, m in SequenceMatcher(None, old[a:b], new[c:d], autojunk=False).get_opcodes():
            yield tag, a + i, a + j, c + k, c + m
    yield "equal", b, len(old), d, len(new)


def _brief(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Yield the pieces without the middles of long unchanged passages."""
    for number, piece in enumerate(pieces):
        head = 0 if number == 0 else _AROUND
        tail = 0 if number == len(pieces) - 1 else _AROUND
        room = head + tail
        if piece.kind != "same" or len(piece.text) <= room + _AROUND:
            yield piece
            continue
        yield Piece("same", piece.text[:head], left_out=len(piece.text) - room)
        if tail:
            yield Piece("same", piece.text[-tail:])
