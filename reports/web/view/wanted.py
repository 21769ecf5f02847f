"""What a viewer asked of the list, as it stands in the address: read, changed by one filter, and said in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from reports import safety

LONGEST = 500
"""A longer value of a filter is no filter that somebody chose."""

MOST = 50
"""So many values of one filter are looked at."""

PERIODS: Final[Mapping[str, str]] = {
    "": "Any time",
    "24h": "Last 24 hours",
    "today": "Today",
    "yesterday": "Yesterday",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "dates": "Dates …",
}
"""The periods that can be chosen, by what stands for them in the form; the last one opens two fields for dates."""

SENSITIVITIES: Final[Mapping[str, str]] = {
    "": "Any sensitivity",
    "normal": "Normal and sensitive",
    "high": "Sensitive only",
}
KINDS: Final[Mapping[str, str]] = {
    "": "Anyone",
    "user": "People, by the application",
    "system": "The product itself",
    "database": "Direct SQL",
}
_CHIP = 60
_AGE = re.compile(r"([0-9]{1,6})([mhdw])")
_UNITS = {"m": "minute", "h": "hour", "d": "day", "w": "week"}
_MANY = ("actor", "module", "type")
_ONE = ("since", "until", "kind", "entity", "account", "sensitivity", "q")


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is at work: its name, its value in words, and the address of the list without it."""

    label: str
    value: str
    without: str

    @property
    def words(self) -> str:
        """Both in a line."""
        return f"{self.label}: {self.value}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters of the list under the names that they have in the address; empty ones want everything.

    `utc` shows times in UTC, `compact` a line an entry; both are no filters and stay where filters change.
    """

    since: str = ""
    until: str = ""
    actor: tuple[str, ...] = ()
    kind: str = ""
    module: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    entity: str = ""
    account: str = ""
    sensitivity: str = ""
    q: str = ""
    utc: bool = False
    compact: bool = False
    cursor: str = field(default="", compare=False)

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Wanted:
        """Return what the pairs of an address ask for; names that mean nothing here are passed over."""
        found: dict[str, list[str]] = {}
        for name, value in pairs:
            text = value.strip()[:LONGEST]
            if text and len(found.setdefault(name, [])) < MOST and text not in found[name]:
                found[name].append(text)
        period = found.get("period", [""])[-1]
        if period and period != "dates":
            found["since"] = [period]
            found["until"] = [period] if period == "yesterday" else []
        one = {name: found[name][-1] for name in (*_ONE, "cursor") if found.get(name)}
        many = {name: tuple(found[name]) for name in _MANY if found.get(name)}
        return cls(
            utc=found.get("zone") == ["utc"],
            compact=found.get("density") == ["compact"],
            **one,  # type: ignore[arg-type]
            **many,  # type: ignore[arg-type]
        )

    @property
    def period(self) -> str:
        """The period of PERIODS that this is, "dates" where it is none of them."""
        if (self.since, self.until) == ("yesterday", "yesterday"):
            return "yesterday"
        if not self.until and self.since in PERIODS and self.since != "yesterday":
            return self.since
        return "dates"

    @property
    def dates(self) -> tuple[str, str]:
        """First and last day for two fields of a form, empty where the filter is no day."""
        return _date(self.since), _date(self.until)

    @property
    def narrowed(self) -> bool:
        """Whether any filter is at work."""
        return bool(self.pairs(filters_only=True))

    def pairs(self, *, filters_only: bool = False) -> list[tuple[str, str]]:
        """Return the pairs of an address; the place in the list is not one of them."""
        found = [(name, getattr(self, name)) for name in _ONE if getattr(self, name)]
        found += [(name, value) for name in _MANY for value in getattr(self, name)]
        if filters_only:
            return found
        return found + [("zone", "utc")] * self.utc + [("density", "compact")] * self.compact

    def query(self, *, cursor: str | None = None, filters_only: bool = False) -> str:
        """Return the query of an address with its question mark; nothing where nothing is asked for."""
        pairs = self.pairs(filters_only=filters_only) + ([("cursor", cursor)] if cursor else [])
        return "?" + urlencode(pairs) if pairs else ""

    def cleared(self) -> Wanted:
        """Return the same without any filter."""
        return Wanted(utc=self.utc, compact=self.compact)

    def chips(self, accounts: Mapping[str, str]) -> list[Chip]:
        """Return the filters at work in the order of the form, in words; `accounts` are names by ids."""
        found: list[tuple[str, str, Wanted]] = []
        if self.period != "dates":
            if self.since:
                found.append(("Period", PERIODS[self.period], replace(self, since="", until="")))
        else:
            found += [
                (label, _moment(text), replace(self, **{name: ""}))  # type: ignore[arg-type]
                for label, name, text in (("From", "since", self.since), ("Until", "until", self.until))
                if text
            ]
        if self.kind:
            found.append(("Made by", KINDS.get(self.kind, self.kind), replace(self, kind="")))
        for label, name in (("Person", "actor"), ("Module", "module"), ("Type", "type")):
            values: Sequence[str] = getattr(self, name)
            found += [
                (label, value, replace(self, **{name: tuple(other for other in values if other != value)}))  # type: ignore[arg-type]
                for value in values
            ]
        rest = (
            ("Entity", "entity", self.entity),
            ("Account", "account", accounts.get(self.account, self.account)),
            ("Sensitivity", "sensitivity", SENSITIVITIES.get(self.sensitivity, "") if self.sensitivity else ""),
            ("Text", "q", f"“{self.q}”" if self.q else ""),
        )
        found += [(label, text, replace(self, **{name: ""})) for label, name, text in rest if text]  # type: ignore[arg-type]
        return [Chip(label, safety.line(value, _CHIP), other.query()) for label, value, other in found]


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return ""


def _moment(text: str) -> str:
    """Return a day, a moment or an age as people write it, anything else as it is."""
    age = _AGE.fullmatch(text)
    if age:
        number, unit = int(age[1]), _UNITS[age[2]]
        return f"{number} {unit}{'' if number == 1 else 's'} ago"
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{said.day} {said:%b %Y}" + (f", {said:%H:%M}" if "T" in text else "")


def day_filter(wanted: Wanted, day: date) -> Wanted:
    """Return the filter narrowed to one day of the viewer's zone."""
    return replace(wanted, since=day.isoformat(), until=day.isoformat(), cursor="")


def days_until(last: date, number: int) -> list[date]:
    """Return so many days, the last one given."""
    return [last - timedelta(days=back) for back in range(number - 1, -1, -1)]


def month_words(at: datetime) -> str:
    """Return a day without its name: "24 November 2026"."""
    return f"{at.day} {at:%B %Y}"
