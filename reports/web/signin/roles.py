"""From what others say of a person to what that person may see here: for the trusted proxy and for OpenID Connect alike."""

from __future__ import annotations

from collections.abc import Iterable

from reports.web.config import RoleNames
from reports.web.errors import Refused
from reports.web.viewer import Method, Viewer

_LONGEST = 200
_MOST = 1000


def viewer_of(
    roles: RoleNames,
    *,
    method: Method,
    key: str,
    name: str | None,
    email: str | None,
    given: Iterable[str],
    accounts: Iterable[str],
) -> Viewer:
    """Return the viewer that somebody is. *key* is unique there and stays; *given* are the roles or groups there.

    Raises Refused where none of these is one of ours, and for an Account Admin without an account.
    """
    present = {role.strip().casefold() for role in given}
    shown = clean(name) or clean(email) or clean(key)
    admin = _any(roles.admins, present)
    if not admin and not _any(roles.account_admins, present):
        raise Refused(
            403, f"{shown} is signed in, and is neither Admin nor Account Admin here: ask an Admin for the role."
        )
    own = frozenset(found for account in accounts if (found := clean(account)))
    if not admin and not 0 < len(own) <= _MOST:
        raise Refused(403, f"{shown} is an Account Admin of no account: ask an Admin for one.")
    return Viewer(
        name=shown,
        role="admin" if admin else "account_admin",
        accounts=None if admin else own,
        may_export=roles.exporters is None or _any(roles.exporters, present),
        timezone=None,
        subject=f"{method}:{clean(key)}",
        method=method,
        email=clean(email) or None,
    )


def clean(text: str | None) -> str:
    """Return a name without control characters, at most so long."""
    return "".join(letter for letter in (text or "") if letter.isprintable()).strip()[:_LONGEST]


def _any(names: frozenset[str], present: set[str]) -> bool:
    return not present.isdisjoint(name.strip().casefold() for name in names)
