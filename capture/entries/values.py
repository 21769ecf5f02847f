"""Values as people read them: yes and no, money, times, languages, conditions, long texts, JSON paths."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from difflib import SequenceMatcher
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.numbers import get_currency_precision

from capture.model import Json

LINE = 80
"""A longer text shows in the sentence only where it changed; the changes of the entry have all of it (mapping rule 23)."""

OPERATORS = {
    "is": "is",
    "eq": "is",
    "equals": "is",
    "is_not": "is not",
    "ne": "is not",
    "not_equals": "is not",
    "is_in": "is in",
    "in": "is in",
    "not_in": "is not in",
    "is_not_in": "is not in",
    "gt": ">",
    "gte": "≥",
    "lt": "<",
    "lte": "≤",
    "contains": "contains",
    "not_contains": "does not contain",
    "starts_with": "starts with",
    "ends_with": "ends with",
    "before": "is before",
    "after": "is after",
    "between": "is between",
    "is_empty": "is empty",
    "is_not_empty": "is not empty",
}
HIDDEN = "••••••"
"""What capture writes for a masked value, before and after alike: equal, and yet changed."""

_SECRET = re.compile(r"passw(or)?d|secret|token|api_?key|private_?key|credential", re.IGNORECASE)
_WITHOUT_VALUE = {"is_empty", "is_not_empty"}
_MOMENT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d(:?\d\d)?|Z)?$")
_DIGITS = frozenset("0123456789")
_TIME = re.compile(r"^\d\d:\d\d(:\d\d(\.\d+)?)?")


def quoted(text: Any) -> str:
    """Return the text in quotation marks, on one line, and not longer than a line."""
    said = " ".join(str(text).split())
    return f"“{said if len(said) <= LINE else said[: LINE - 1].rstrip() + '…'}”"


def number(value: Any) -> str:
    """Return a number with its thousands grouped and its own number of decimals."""
    return f"{value:,}" if isinstance(value, int) else decimals(value, 0, fewest=False)


def decimals(value: Any, places: int, *, fewest: bool = True) -> str:
    """Return a number with that many decimals; with all that it is stored with where those would not tell all of it.

    Without `fewest`, a number that is stored with more decimals has them all, zeros too.
    """
    try:
        exact = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    exponent = exact.as_tuple().exponent
    if not isinstance(exponent, int):
        return str(value)
    stored = max(0, -exponent)
    digits = f"{exact:,.{max(places, stored)}f}"
    extra = stored - places
    if fewest and extra > 0 and not digits[-extra:].strip("0"):
        return digits[:-extra].removesuffix(".")
    return digits


def amount(value: Any, currency: Any) -> str:
    """Return an amount with the decimals of its currency; one that has more keeps them: nothing is rounded."""
    return decimals(value, get_currency_precision(str(currency)) if currency else 0, fewest=bool(currency))


def money(value: Any, currency: Any) -> str:
    """Return an amount with its currency: see `amount`."""
    return f"{currency} {amount(value, currency)}" if currency else amount(value, currency)


def language(code: Any) -> str:
    """Return the English name of a language code, the code where CLDR knows none (mapping rule 24)."""
    try:
        return Locale.parse(str(code).replace("-", "_")).get_display_name("en") or str(code)
    except (UnknownLocaleError, ValueError):
        return str(code)


def clock(value: Any) -> str:
    """Return a time of day without seconds that are zero."""
    said = str(value)
    if not _TIME.match(said):
        return said
    return said[:5] if said[5:] in ("", ":00") else said


def moment(value: str) -> str | None:
    """Return a timestamp of JSON as people write it; None where the text is none."""
    if value[:1] not in _DIGITS or not _MOMENT.match(value):
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    zone = (
        " UTC" if parsed.tzinfo is not None and not parsed.utcoffset() else (f" {parsed:%z}" if parsed.tzinfo else "")
    )
    return f"{parsed.day} {parsed:%b %Y %H:%M}{zone}"


def plain(value: Json) -> str:
    """Return any JSON value in words: the last resort, never JSON itself."""
    if isinstance(value, str):
        return moment(value) or value
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, (int, float, Decimal)):
        return number(value)
    if isinstance(value, list):
        return ", ".join(plain(one) for one in value) or "nothing"
    if isinstance(value, dict):
        return (
            ", ".join(f"{words(key)} {HIDDEN if is_secret(key) else plain(one)}" for key, one in value.items())
            or "nothing"
        )
    return str(value)


def words(name: str) -> str:
    """Return a column's or a field's name in words."""
    return name.removesuffix("_id").replace("_", " ").strip() or name


def is_secret(name: str) -> bool:
    """Return whether a column or a path inside JSON is named like something that nobody should read in a log."""
    return _SECRET.search(name) is not None


def heading(name: str) -> str:
    """Return a name in words that begins with a capital."""
    said = words(name)
    return said[:1].upper() + said[1:]


def operator(code: Any, own: dict[str, str]) -> str:
    """Return an operator of a condition in words or as its sign (mapping rule 15)."""
    return own.get(str(code)) or OPERATORS.get(str(code)) or words(str(code))


def takes_value(code: Any) -> bool:
    """Return whether a condition with this operator has a value at all."""
    return str(code) not in _WITHOUT_VALUE


def json_differences(old: Json, new: Json, path: str = "") -> Iterator[tuple[str, Json, Json]]:
    """Yield what differs between two JSON values as (path, before, after), as deep as both are objects (mapping rule 22)."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            yield from json_differences(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif old != new:
        yield path, old, new


def text_difference(old: str, new: str) -> str:
    """Return "from … to …"; for long texts, only the words around what changed (mapping rule 23)."""
    if len(old) <= LINE and len(new) <= LINE:
        return f"from {quoted(old)} to {quoted(new)}"
    a, b = old.split(), new.split()
    blocks = [block for block in SequenceMatcher(None, a, b, autojunk=False).get_opcodes() if block[0] != "equal"]
    if not blocks:
        return "in its spacing"
    (_, first_a, _, first_b, _), (_, _, last_a, _, last_b) = blocks[0], blocks[-1]
    return f"from {_window(a, first_a, last_a)} to {_window(b, first_b, last_b)}"


def _window(text: list[str], first: int, last: int) -> str:
    start, end = max(0, first - 2), min(len(text), last + 2)
    said = " ".join(text[start:end])
    return quoted(("… " if start else "") + said + (" …" if end < len(text) else ""))
