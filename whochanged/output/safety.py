"""Stored text for programs: JSON that is harmless to print, and cells that a spreadsheet shows and never calculates."""

from __future__ import annotations

import re
import unicodedata

from reports.safety import INVISIBLE, neutral, visible

__all__ = ["cell", "json_neutral", "neutral"]

_KEPT_IN_A_CELL = frozenset("\t\r\n")
_FORMULA_STARTS = frozenset("=+-@\t\r\n")


def json_neutral(document: str) -> str:
    """A JSON text in which such characters are written as escapes: the same value, and harmless to print."""

    def escape(match: re.Match[str]) -> str:
        code = ord(match.group())
        if code <= 0xFFFF:
            return f"\\u{code:04x}"
        high, low = divmod(code - 0x10000, 0x400)
        return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"

    return INVISIBLE.sub(escape, document)


def cell(value: str | None) -> str:
    """A CSV cell that a spreadsheet shows and never calculates: an apostrophe stands before what starts a formula.

    >>> cell("=HYPERLINK(1)")
    "'=HYPERLINK(1)"
    """
    if not value:
        return ""
    safe = INVISIBLE.sub(lambda match: match.group() if match.group() in _KEPT_IN_A_CELL else visible(match), value)
    first = unicodedata.normalize("NFKC", safe.lstrip(" \u00a0\u3000")[:1])
    return f"'{safe}" if safe[0] in _FORMULA_STARTS or first[:1] in _FORMULA_STARTS else safe
