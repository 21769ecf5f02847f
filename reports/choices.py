"""What somebody may choose for a recipient: each choice is checked here, with what was probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import time
from difflib import get_close_matches
from typing import Any, TypedDict, get_args

from babel import Locale, UnknownLocaleError

from capture.catalogue.model import Catalogue, Sensitivity
from capture.catalogue.own import with_own
from capture.errors import UsageError
from reports.addresses import checked_address, checked_name
from reports.calendar import WEEKDAYS, Cadence, zone_of
from reports.recipient import WhenEmpty

OTHER = "Other"
"""The module of tracked tables that no catalogue describes."""

SENSITIVITIES: tuple[Sensitivity, ...] = get_args(Sensitivity)
"""The levels that a catalogue knows, the least one first."""

_LONGEST_REASON = 200
_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")


class Choices(TypedDict, total=False):
    """What somebody chooses for a recipient. No accounts and no modules are all of them."""

    email: str
    name: str | None
    timezone: str
    language: str
    cadence: Cadence
    send_at: time
    weekday: int
    accounts: Iterable[str]
    modules: Iterable[str]
    sensitivity: Sensitivity
    when_empty: WhenEmpty
    alerts: bool


def checked(catalogue: Catalogue, given: Choices) -> dict[str, Any]:
    """Return what is given as it is stored. Raises UsageError for what cannot be meant."""
    values: dict[str, Any] = dict(given)
    if "email" in given:
        values["email"] = checked_address(given["email"])
    if "accounts" in given:
        values["accounts"] = list({checked_account(account): None for account in _several(given["accounts"])}) or None
    if (name := given.get("name")) is not None:
        values["name"] = checked_name(name)
    if "timezone" in given:
        values["timezone"] = zone_of(given["timezone"]).key
    if "language" in given:
        values["language"] = language_of(given["language"])
    if "modules" in given:
        values["modules"] = (
            list({known_module(catalogue, wanted): None for wanted in _several(given["modules"])}) or None
        )
    return values


def checked_account(text: str) -> str:
    """Return the number of an account as it is stored. Raises UsageError where there is none, or what no column can hold."""
    if not text.strip():
        raise UsageError("the account is empty: leave --account out for all accounts")
    if not text.isprintable():
        raise UsageError("the account has letters that cannot be printed: write it as the log has it")
    return text


def checked_reason(text: str) -> str:
    """Return the reason of a pause in one line. Raises UsageError for one that is empty or long."""
    reason = " ".join(text.split())
    if not reason or len(reason) > _LONGEST_REASON or not reason.isprintable():
        raise UsageError(f"the reason cannot be kept: write a line of 1 to {_LONGEST_REASON} characters")
    return reason


def language_of(tag: str) -> str:
    """Return a language tag (BCP 47) in its usual spelling: "en-US", "de-AT", "zh-Hant-TW".

    Raises UsageError for what is no tag, and for a language or region that CLDR, whose rules date the mails, does not know.
    """
    wanted = tag.strip()
    example = "write one such as en-GB, de or pt-BR"
    # Babel would take what follows a dot or an @ for a codeset.
    if not _TAG.fullmatch(wanted):
        raise UsageError(f"'{_shown(tag)}' is no language tag: {example}")
    try:
        known = Locale.parse(wanted, sep="-")
    except (UnknownLocaleError, ValueError):
        raise UsageError(f"unknown language '{_shown(tag)}': {example}") from None
    said = [part for part in (known.language, known.script, known.territory) if part]
    # What Babel adds by itself (zh-TW is written in Hant) was not chosen, and what it has no data for is not passed by in silence.
    chosen = [part.casefold() for part in wanted.split("-")]
    if known.language == "root" or chosen[0] == "und" or len(chosen) > len(said):
        raise UsageError(f"unknown language '{_shown(tag)}': {example}")
    return "-".join(part for part in said if part.casefold() in chosen or part == known.language)


def known_modules(catalogue: Catalogue) -> tuple[str, ...]:
    """Return the modules that a digest can tell of, in their order."""
    return (*with_own(catalogue).modules, OTHER)


def known_module(catalogue: Catalogue, name: str) -> str:
    """Return the catalogue's module of a name in any case. Raises UsageError, with the one that was probably meant."""
    known = {module.casefold(): module for module in known_modules(catalogue)}
    wanted = name.strip().casefold()
    if wanted in known:
        return known[wanted]
    close = get_close_matches(wanted, known, n=1)
    hint = f"Did you mean '{known[close[0]]}'?" if close else f"There are {', '.join(known.values())}"
    raise UsageError(f"unknown module '{name}'. {hint}")


def weekday_of(name: str) -> int:
    """Return the ISO number of a day's English name, also a shortened one. Raises UsageError where it is none."""
    wanted = name.strip().casefold()
    found = [number for number, day in enumerate(WEEKDAYS, 1) if len(wanted) > 1 and day.startswith(wanted)]
    if len(found) != 1:
        raise UsageError(f"unknown weekday '{name}': write one of {', '.join(WEEKDAYS)}")
    return found[0]


def _several(names: Iterable[str]) -> Iterable[str]:
    """Return the names; a text alone is one of them, and not its letters."""
    return (names,) if isinstance(names, str) else names


def _shown(text: str) -> str:
    """Return what was given in one short line."""
    line = "".join(letter if letter.isprintable() else "?" for letter in text.strip())
    return line if len(line) <= 40 else f"{line[:40]}…"  # noqa: PLR2004 - what fits beside the rest of the line
