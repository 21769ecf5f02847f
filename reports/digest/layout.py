"""The plain text of a mail: lines of at most so many columns, as wide as a terminal shows them."""

from __future__ import annotations

import re
import unicodedata

from reports import safety

COLUMNS = 72

_ISOLATE, _END = "\u2068", "\u2069"
_QUOTED = re.compile("“[^“”]*”")
_WIDE = "[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]"
_WORDS = re.compile(rf"(\s+)|{_WIDE}|(?:(?!{_WIDE})\S)+")
"""Scripts that are written without spaces may break after each letter, all others at spaces only."""


def columns(text: str) -> int:
    """Return how many columns the text takes: two for wide letters and emoji, none for accents."""
    return sum(
        2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
        if unicodedata.category(character) not in {"Mn", "Me", "Cf"}
    )


def fold(text: str, first: str = "", rest: str | None = None) -> str:
    """Return the text in lines of at most COLUMNS columns; a longer word stands alone on its line, unbroken.

    The first line begins with `first`, the others with `rest` (else with as many spaces).
    """
    indent = " " * columns(first) if rest is None else rest
    lines: list[str] = []
    current, space, empty = first, "", True
    for match in _WORDS.finditer(isolated(text)):
        word = match.group()
        if match[1]:
            space = " "
            continue
        if not empty and columns(current + space + word) > COLUMNS:
            lines.append(current)
            current, space = indent, ""
        elif empty:
            space = ""
        current, space, empty = current + space + word, "", False
    return "\n".join([*lines, current])


def table(rows: list[list[str]]) -> str:
    """Return rows of cells in columns: the first at the left with what room there is, the others at the right."""
    widths = [max(columns(row[place]) for row in rows) for place in range(1, len(rows[0]))]
    room = COLUMNS - sum(width + 2 for width in widths)
    return "\n".join(
        padded(row[0], room) + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths, strict=True))
        for row in rows
    )


def padded(text: str, room: int) -> str:
    """Return the text in exactly so many columns, cut where it is longer."""
    while columns(text) > room:
        text = text[:-2].rstrip() + "…"
    return isolated(text) + " " * (room - columns(text))


def isolated(text: str) -> str:
    """Return the text with each quoted name closed off where letters run from right to left, so that they turn nothing else around."""
    if not safety.right_to_left(text):
        return text
    inner = _QUOTED.sub(lambda match: f"“{_ISOLATE}{match.group()[1:-1]}{_END}”", text)
    return inner if inner != text else f"{_ISOLATE}{text}{_END}"


def quoted_parts(text: str) -> list[tuple[bool, str]]:
    """Return the text in pieces, each with whether it is the inside of quotation marks."""
    pieces: list[tuple[bool, str]] = []
    end = 0
    for match in _QUOTED.finditer(text):
        pieces += [(False, text[end : match.start() + 1]), (True, match.group()[1:-1])]
        end = match.end() - 1
    return [*pieces, (False, text[end:])]
