"""What was stored must not act on the reader: terminals and spreadsheets obey characters that people do not see.

Anyone who can write a configuration value can write an escape code or a formula into it,
and the reader of an audit log is the one who must not be fooled.
"""

from __future__ import annotations

import re
import unicodedata

_PICTURES = 0x2400
"""The Unicode block in which each control character of ASCII has a visible twin."""

_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Controls (C0, C1), overrides of the reading direction, invisible joiners, lone surrogates, tags."""

_KEPT_IN_A_CELL = frozenset("\t\r\n")
_FORMULA_STARTS = frozenset("=+-@\t\r\n")


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(_PICTURES + code)
    if code == 0x7F:
        return "\u2421"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def neutral(text: str) -> str:
    """The text with every control character made visible (the escape as ␛), so that it can only be read."""
    return _INVISIBLE.sub(_visible, text)


def json_neutral(document: str) -> str:
    """A JSON text in which such characters are written as escapes: the same value, and harmless to print."""

    def escape(match: re.Match[str]) -> str:
        code = ord(match.group())
        if code <= 0xFFFF:
            return f"\\u{code:04x}"
        high, low = divmod(code - 0x10000, 0x400)
        return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"

    return _INVISIBLE.sub(escape, document)


def cell(value: str | None) -> str:
    """A CSV cell that a spreadsheet shows and never calculates: an apostrophe stands before what starts a formula.

    >>> cell("=HYPERLINK(1)")
    "'=HYPERLINK(1)"
    """
    if not value:
        return ""
    safe = _INVISIBLE.sub(lambda match: match.group() if match.group() in _KEPT_IN_A_CELL else _visible(match), value)
    first = unicodedata.normalize("NFKC", safe.lstrip(" \u00a0\u3000")[:1])
    return f"'{safe}" if safe[0] in _FORMULA_STARTS or first[:1] in _FORMULA_STARTS else safe
