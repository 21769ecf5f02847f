"""The Jinja2 sandbox in which a catalogue's texts and conditions run.

Names in texts: each column in words as it is now (as it was, when deleted); `before` and `after` with the columns in words;
`old` and `new` with the stored values; `row`, the stored values as they are now; `entity` and `parent`, the quoted name of the
entity; `item` and `item_before`, the row in words; `counts`, the parts that came or went with it; `shifted`; `followers`;
`differences`, what changed in words; `changed('column')`; `before_of` and `after_of('foreign_key', 'column')`, the value that the
row referred to had then; `condition(field, operator, value)`. In conditions, bare names are the stored values.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from decimal import Decimal, localcontext
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Template, TemplateError, Undefined
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from capture.entries.values import amount, decimals, money, quoted

_MATCH = {"all": "AND", "any": "OR"}
_DIGITS = 100
"""A text's arithmetic is exact up to so many digits: an amount of numeric(38, 18) has more than Python's own 28."""


def count(number: Any, noun: str, nouns: str | None = None) -> str:
    """Return the number with its noun: "1 user licence", "2 user licences" (mapping rule 8)."""
    return f"{number} {noun if number == 1 else nouns or noun + 's'}"


def difference(old: Any, new: Any, noun: str) -> str:
    """Return what a number of things grew or shrank by, with both numbers; also where it stayed (mapping rule 7)."""
    if not isinstance(old, (int, Decimal)) or not isinstance(new, (int, Decimal)) or old == new:
        return count(new, noun)
    verb = "added" if new > old else "removed"
    return f"{verb} {count(abs(new - old), noun)} ({old} → {new})"


def aside(*parts: Any) -> str:
    """Return the parts that say something in brackets, with a blank before; nothing where none does."""
    said = [str(part) for part in parts if part and not isinstance(part, Undefined)]
    return f" ({'; '.join(said)})" if said else ""


def and_or(old: Any, new: Any) -> str:
    """Return a change of ALL/ANY in the page's words (mapping rule 14)."""
    return f"{_MATCH.get(str(old), str(old))} → {_MATCH.get(str(new), str(new))}"


def adverb(text: Any) -> str:
    """Return how often in one word: "annual" gives "annually", "monthly" stays."""
    said = str(text)
    return said if said.endswith("ly") else said + "ly"


def host(url: Any) -> str:
    """Return the host of an address: its path may hold a secret."""
    try:
        return urlsplit(str(url)).hostname or str(url)
    except ValueError:
        return str(url)


def article(text: Any) -> str:
    """Return the text with its indefinite article."""
    said = str(text)
    return f"{'an' if said[:1].lower() in 'aeiou' else 'a'} {said}"


class Readable(ABC):
    """What texts read by name, as attribute or as item, and nothing else of it."""

    __slots__ = ()

    @abstractmethod
    def __getitem__(self, name: str) -> Any:
        """Return what has this name."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Reads a `Readable` by its names alone: then no attribute need be asked whether it is a safe one."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return what `obj.attribute` means in a text."""
        return obj[attribute] if isinstance(obj, Readable) else super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return what `obj[argument]` means in a text."""
        return obj[argument] if isinstance(obj, Readable) else super().getitem(obj, argument)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = _Sandbox(autoescape=False, keep_trailing_newline=False)
    environment.filters |= {
        "a": article,
        "amount": amount,
        "decimals": decimals,
        "host": host,
        "money": money,
        "possessive": lambda name: f"{name}'s",
        "quoted": lambda value: "" if value is None or isinstance(value, Undefined) else quoted(value),
    }
    environment.globals |= {
        "adverb": adverb,
        "billed": adverb,
        "count": count,
        "difference": difference,
        "aside": aside,
        "and_or": and_or,
    }
    return environment


_ENVIRONMENT = _environment()


@cache
def compile_text(text: str) -> Template:
    """Return a catalogue's text, compiled. Raises jinja2.TemplateSyntaxError."""
    template = _ENVIRONMENT.from_string(text)
    # Copied for each rendering: a dict is, many times sooner than the map of maps that Jinja makes.
    template.globals = dict(template.globals)
    return template


@cache
def compile_condition(text: str) -> Callable[..., Any]:
    """Return a catalogue's condition, compiled. Raises jinja2.TemplateSyntaxError."""
    return _ENVIRONMENT.compile_expression(text)


@cache
def named_in(text: str) -> tuple[str, ...]:
    """Return the names that a text uses. Raises jinja2.TemplateSyntaxError."""
    return tuple(sorted(find_undeclared_variables(_ENVIRONMENT.parse(text))))


@cache
def _compiled(text: str) -> tuple[Template, tuple[str, ...]]:
    return compile_text(text), named_in(text)


def say(text: str, names: Mapping[str, Any]) -> str:
    """Return the sentence that a text makes of these names; only those that it uses are asked for."""
    template, used = _compiled(text)
    with localcontext(prec=_DIGITS):
        return " ".join(template.render({name: names[name] for name in used if name in names}).split())


def try_to_say(text: str, names: Mapping[str, Any]) -> str | None:
    """Return the sentence, None where the text stumbles over these values: a NULL in its arithmetic must not hide the entry."""
    try:
        return say(text, names)
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
        return None


def holds(condition: str | None, names: Mapping[str, Any]) -> bool:
    """Return whether a condition holds; one that cannot be evaluated for missing values (NULL, say) does not."""
    if condition is None:
        return True
    try:
        return bool(compile_condition(condition)(**names))
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
        return False
