"""Who is shown as the actor, and where the change came from (mapping rule 25)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from ipaddress import ip_address

from capture.model import ActorKind, ActorTrust, Source, Transaction

SYSTEM = "System"
CLAIMED_SYSTEM = "“System” (claimed)"
"""How an application's System shows that is none of the product's roles: nobody may pass for the product itself."""

_LONGEST_IP = 45
_LONGEST_REQUEST = 200


@dataclass(frozen=True, slots=True)
class Actor:
    """The name shown, what stands behind it, and whether anything but the application vouches for it.

    `mark` is what must be said beside a name that nothing vouches for.
    """

    name: str
    kind: ActorKind
    trust: ActorTrust
    mark: str | None = None


def shown(transaction: Transaction, product_roles: Collection[str] = ()) -> Actor:
    """Return the actor of a transaction.

    The one that the application set; else System, where one of the product's own roles was logged in; else the role
    itself: a person in psql is never System. What an application says is a claim, unless it is signed, or its role was a trusted
    gateway then; who was logged in, the server itself vouches for. Blanks are nobody's name.
    Where nobody can vouch for any name, as after installing, a claim is not marked: that would be said of every name.
    """
    if transaction.actor and transaction.actor.strip():
        name = named(transaction.actor, transaction, product_roles)
        signature = transaction.signature
        if signature is not None and not signature.startswith("valid:"):
            return Actor(name, "user", "claimed", f"claimed by {transaction.database_user}, signature invalid")
        if name != CLAIMED_SYSTEM and (signature is not None or transaction.gateway):
            return Actor(name, "user", "vouched")
        return Actor(name, "user", "claimed", f"claimed by {transaction.database_user}" if transaction.marked else None)
    if transaction.database_user in product_roles:
        return Actor(SYSTEM, "system", "vouched")
    return Actor(transaction.database_user, "database", "vouched")


def named(claimed: str, transaction: Transaction, product_roles: Collection[str] = ()) -> str:
    """Return a claimed name as it may be shown: only the product's own roles are System (mapping rule 25)."""
    if claimed.strip().casefold() == SYSTEM.casefold() and transaction.database_user not in product_roles:
        return CLAIMED_SYSTEM
    return claimed


def address(transaction: Transaction) -> str | None:
    """Return where the change came from: the context's address, where it is one, else that of the database client."""
    said = transaction.context.get("ip")
    return said if isinstance(said, str) and _is_address(said) else transaction.client_addr


@lru_cache(maxsize=1024)
def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return len(text) <= _LONGEST_IP


def source(transaction: Transaction) -> Source:
    """Return where the change came from, as the server saw it."""
    request = transaction.context.get("request_id")
    known = isinstance(request, (str, int, Decimal)) and not isinstance(request, bool) and request != ""
    return Source(
        transaction.database_user,
        transaction.application,
        transaction.client_addr,
        str(request)[:_LONGEST_REQUEST] if known else None,
        tuple(named(name, transaction) for name in transaction.context.get("other_actors") or ()),
        transaction.signature,
    )
