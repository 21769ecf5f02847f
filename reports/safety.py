"""What was stored must not act on who reads it: text for terminals, pages and mails, harmless and of bounded length.

Anyone who can write a configuration value can write an escape code into it, and the reader of an audit log is the one who
must not be fooled.
"""

from __future__ import annotations

import re
import unicodedata

_PICTURES = 0x2400
"""The Unicode block in which each control character of ASCII has a visible twin."""

_DELETE, _DELETE_PICTURE = "\x7f", "\u2421"
_LAST_OF_FOUR_DIGITS = "\uffff"

INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ud800-\udfff\ufdd0-\ufdef\ufeff\uffa0\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000))
    + "]"
)
"""Controls (C0, C1), overrides of the reading direction, invisible letters and joiners, lone surrogates, tags, noncharacters."""

_KEPT_IN_A_CELL = frozenset("\t\r\n")
_FORMULA_STARTS = frozenset("=+-@\t\r\n")
_BASIC_PLANE = 0xFFFF

_GLUE = frozenset("\u200d\ufe0e\ufe0f") | {chr(code) for code in range(0x1F3FB, 0x1F400)}
"""What belongs to the character before it: the joiner of emoji, their styles and skin tones."""

_CUT = "…"
_MARKS_IN_A_ROW = 3
"""No script needs more accents on one letter; a pile of them paints over the lines around it."""


_WITHOUT_MARKS = re.compile(
    "[\0-\u02ff\u0370-\u0482\u048a-\u0590\u2000-\u20cf\u2100-\u2cee\u3041-\u3096\u30a0-\u30ff\u4e00-\u9fff\uac00-\ud7a3]*"
)
"""Latin, Greek, Cyrillic, signs, kana, Han and Hangul: blocks that hold no accent of their own. Looking at each letter is dear."""


def visible(match: re.Match[str]) -> str:
    """Return what stands for a character that INVISIBLE found: its picture, else its escape."""
    character = match.group()
    if character < " ":
        return chr(_PICTURES + ord(character))
    if character == _DELETE:
        return _DELETE_PICTURE
    return f"\\u{ord(character):04x}" if character <= _LAST_OF_FOUR_DIGITS else f"\\U{ord(character):08x}"


def neutral(text: str) -> str:
    """Return the text with every character that acts or hides made visible (the line feed as ␊), so that it can only be read."""
    return INVISIBLE.sub(visible, text)


def line(text: str, limit: int) -> str:
    """Return the text as one harmless line of at most `limit` characters; an ellipsis stands for what is missing.

    It has at most twice as many bytes: scripts that say more in a letter get fewer of them, and emoji half as many. Whatever
    the length of the text, only its beginning is looked at.
    """
    text = text.strip()
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    head = _calm(neutral(text[: limit + 1]))
    room = 2 * limit
    if len(text) <= limit and len(head) <= limit and len(head.encode()) <= room:
        return head
    fitting = head.encode()[: room - len(_CUT.encode())].decode(errors="ignore")
    return head[: _boundary(head, min(len(fitting), limit - len(_CUT)))].rstrip() + _CUT


def right_to_left(text: str) -> bool:
    """Return whether the text holds letters or digits of a script that is written from right to left."""
    return any(unicodedata.bidirectional(character) in {"R", "AL", "AN"} for character in text)


def _calm(text: str) -> str:
    """Return the text without the accents that no letter needs."""
    if _WITHOUT_MARKS.fullmatch(text):
        return text
    kept: list[str] = []
    row = 0
    for character in text:
        row = row + 1 if unicodedata.category(character).startswith("M") else 0
        if row <= _MARKS_IN_A_ROW:
            kept.append(character)
    return "".join(kept)


def _boundary(text: str, limit: int) -> int:
    """Return where to cut, at most at `limit`, so that no accent or part of an emoji is torn from its letter."""
    end = min(limit, len(text))
    while 0 < end < len(text) and (_glued(text[end]) or text[end - 1] == "\u200d"):
        end -= 1
    return end or min(limit, len(text))


def _glued(character: str) -> bool:
    return character in _GLUE or unicodedata.category(character).startswith("M")


def json_neutral(document: str) -> str:
    """A JSON text in which such characters are written as escapes: the same value, and harmless to print."""

    def escape(match: re.Match[str]) -> str:
        code = ord(match.group())
        if code <= _BASIC_PLANE:
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
