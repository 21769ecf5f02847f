"""Which mail addresses are taken: plain ones, in ASCII, that can break neither a header nor a command of SMTP."""

from __future__ import annotations

import re
from email.utils import parseaddr

from capture.errors import UsageError

_LONGEST = 254
_LONGEST_NAME = 64
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_NAME = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_READ_DIFFERENTLY = "ßẞς\u200c\u200d"
"""The old rules of international names (IDNA 2003, Python's) and the new ones make different domains of these."""


def checked_address(text: str) -> str:
    """Return an address as it is stored and sent to: its domain in small letters and in ASCII (`xn--...`).

    Raises UsageError, in one line that says how an address looks.
    """
    address = text.strip()
    name, _, domain = address.rpartition("@")
    if len(address) > _LONGEST or len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise _refused(text)
    domain = domain.casefold() if domain.isascii() else _in_ascii(text, domain)
    if domain != "localhost" and not _DOMAIN.fullmatch(domain):
        raise _refused(text)
    return f"{name}@{domain}"


def checked_name(text: str) -> str:
    """Return a person's name for the To line. Raises UsageError where it is empty or would break the line."""
    name = text.strip()
    if not name or len(name) > _LONGEST or _CONTROL.search(name):
        raise UsageError(f"{_shown(text)} is no name: write a line of 1 to {_LONGEST} characters")
    return name


def address_of(sender: str) -> str:
    """Return the address of a From line, with or without a name: `Audit log <audit@example.com>`. Raises UsageError."""
    if _CONTROL.search(sender):
        raise _refused(sender)
    return checked_address(parseaddr(sender)[1] or sender)


def _in_ascii(text: str, domain: str) -> str:
    if any(letter in domain for letter in _READ_DIFFERENTLY):
        raise UsageError(f"the domain of {_shown(text)} is read in two ways: write it in its ASCII form (xn--...)")
    try:
        return domain.encode("idna").decode("ascii").casefold()
    except UnicodeError:
        raise _refused(text) from None


def _refused(text: str) -> UsageError:
    return UsageError(f"{_shown(text)} is no mail address: write one such as ana@example.com")


def _shown(text: str) -> str:
    """Return what was given in one short line."""
    shown = _CONTROL.sub("?", text.strip())
    return f"'{shown if len(shown) <= _LONGEST_NAME else shown[:_LONGEST_NAME] + '…'}'"
