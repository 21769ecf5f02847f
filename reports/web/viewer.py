"""Who looks: what they may see and do. The way in is decided elsewhere (reports/web/signin)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Role = Literal["admin", "account_admin"]
Method = Literal["password", "oidc", "proxy", "token", "host"]

ROLE_NAMES: Mapping[Role, str] = {"admin": "Admin", "account_admin": "Account Admin"}


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person or a program that is signed in.

    `accounts` are the accounts (tenants) that it sees, None for all: an Admin sees all, an Account Admin never does.
    `subject` is unique and stays: the method and the name there. `email` is known where the way in says it: digest
    settings need it. `timezone` is the name of a zone, None where none was chosen.
    """

    name: str
    role: Role
    accounts: frozenset[str] | None
    may_export: bool
    timezone: str | None
    subject: str
    method: Method = "host"
    email: str | None = None
    scopes: frozenset[str] = field(default=frozenset({"read", "export"}))

    def __post_init__(self) -> None:
        """Refuse a scope that the role does not have: an Account Admin without accounts sees nothing, never everything."""
        if (self.accounts is None) != (self.role == "admin"):
            raise ValueError("an admin sees all accounts (None), an account_admin those that are named")

    def sees(self, *accounts: str | None) -> bool:
        """Return whether one of an entry's accounts, the present or the former one, is among those that this viewer sees."""
        return self.accounts is None or any(account in self.accounts for account in accounts if account is not None)


def known_zone(name: object) -> str | None:
    """Return the name of a time zone where this machine knows it, else None."""
    if not isinstance(name, str) or not name:
        return None
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def to_document(viewer: Viewer) -> dict[str, Any]:
    """Return the viewer as JSON, to be kept with a session."""
    return {
        "name": viewer.name,
        "role": viewer.role,
        "accounts": None if viewer.accounts is None else sorted(viewer.accounts),
        "may_export": viewer.may_export,
        "timezone": viewer.timezone,
        "email": viewer.email,
    }


def from_document(document: Mapping[str, Any], *, subject: str, method: Method) -> Viewer:
    """Return the viewer that `to_document` kept."""
    return Viewer(
        name=str(document["name"]),
        role=document["role"],
        accounts=_set(document["accounts"]),
        may_export=bool(document["may_export"]),
        timezone=known_zone(document.get("timezone")),
        email=document.get("email"),
        subject=subject,
        method=method,
    )


def _set(names: Iterable[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)
