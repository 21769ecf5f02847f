"""Who is shown as the actor, and where the change came from (mapping rule 25)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from capture.model import ActorKind, ActorTrust, Source, Transaction

SYSTEM = "System"


@dataclass(frozen=True, slots=True)
class Actor:
    """The name shown, what stands behind it, and whether anything but the application vouches for it."""

    name: str
    kind: ActorKind
    trust: ActorTrust


def shown(
    transaction: Transaction, product_roles: Collection[str] = (), trusted_gateways: Collection[str] = ()
) -> Actor:
    """Return the actor of a transaction.

    The one that the application set; else System, where one of the product's own roles was logged in; else the role
    itself: a person in psql is never System. What an application says is a claim, unless its role is a trusted gateway;
    who was logged in, the server itself vouches for.
    """
    if transaction.actor:
        return Actor(
            transaction.actor, "user", "vouched" if transaction.database_user in trusted_gateways else "claimed"
        )
    if transaction.database_user in product_roles:
        return Actor(SYSTEM, "system", "vouched")
    return Actor(transaction.database_user, "database", "vouched")


def address(transaction: Transaction) -> str | None:
    """Return where the change came from: the address in the context, else that of the database client."""
    said = transaction.context.get("ip")
    return str(said) if said else transaction.client_addr


def source(transaction: Transaction) -> Source:
    """Return where the change came from, as the server saw it."""
    request = transaction.context.get("request_id")
    return Source(
        transaction.database_user, transaction.application, transaction.client_addr, str(request) if request else None
    )
