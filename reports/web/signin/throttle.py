"""How often somebody may try to sign in: ten thousand wrong passwords get nowhere, and no admin is locked out by them.

Each try takes one out of a bucket that fills again with time: one for the name, shared by all browsers that nobody has signed in
from with that name, and one for the address. A browser that was signed in from has a bucket of its own, so that strangers who
try a name hold up strangers only (device cookies: OWASP, Slow Down Online Guessing Attacks with Device Cookies).
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import tuple_row
from starlette.requests import HTTPConnection

from capture.resources import query
from reports.web.secrets import Secret

COOKIE = "whochanged_device"
COOKIE_SECONDS = 365 * 86400

_OF_NAME = (10, 600.0)
"""Ten tries at once, then one in ten minutes: some 50,000 a year, for strangers together."""

_OF_ADDRESS = (30, 20.0)
"""An office behind one address mistypes together."""

_OF_DEVICE = (10, 60.0)
_NETWORK = 64
"""Bits of an IPv6 address that one customer gets at least."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is counted, under a name that tells nobody what was typed; how many tries it holds, and seconds until one more."""

    name: str
    size: int
    refill: float


def buckets(secret: Secret, name: str, address: str | None, device: str | None) -> tuple[Bucket, ...]:
    """Return the buckets that a try is taken from, in their order."""
    who = name.casefold()
    if device is not None:
        return (_bucket(secret, f"device {device} {who}", _OF_DEVICE),)
    return (_bucket(secret, f"address {network(address)}", _OF_ADDRESS), of_name(secret, name))


def of_name(secret: Secret, name: str) -> Bucket:
    """Return the bucket that all strangers who try a name share."""
    return _bucket(secret, f"name {name.casefold()}", _OF_NAME)


def take(conn: psycopg.Connection[Any], wanted: Sequence[Bucket]) -> int | None:
    """Take a try from each bucket; return None, or after how many seconds it may be tried again.

    Taken before the password is looked at, each by a statement of its own: many at once get no more than one after the other.
    """
    with conn.cursor(row_factory=tuple_row) as cursor:
        for each in wanted:
            if cursor.execute(query("web_attempt_take"), _parameters(each)).fetchone() is None:
                row = cursor.execute(query("web_attempt_wait"), _parameters(each)).fetchone()
                return max(1, int(row[0])) if row else 1
    return None


def give_back(conn: psycopg.Connection[Any], taken: Sequence[Bucket]) -> None:
    """Give the tries back after a right password, and forget what is long full again."""
    for each in taken:
        conn.execute(query("web_attempt_give"), _parameters(each))
    conn.execute(query("web_attempt_sweep"))


def forget(conn: psycopg.Connection[Any], secret: Secret, name: str) -> None:
    """Let a name be tried again at once."""
    conn.execute(query("web_attempt_forget"), {"bucket": of_name(secret, name).name})


def known_device(connection: HTTPConnection, secret: Secret, name: str) -> str | None:
    """Return the number of the browser where somebody was signed in from it with this name, else None."""
    for device, who in _devices(connection, secret):
        if who == name.casefold():
            return device
    return None


def device_cookie(connection: HTTPConnection, secret: Secret, name: str) -> str:
    """Return the cookie by which this browser is known again for this name, and for a few that it was known for before."""
    others = [[device, who] for device, who in _devices(connection, secret) if who != name.casefold()]
    return secret.signed("device", [[secrets.token_hex(8), name.casefold()], *others[:3]])


def network(address: str | None) -> str:
    """Return an address as it is counted: of IPv6, the network that one customer has."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return "none"
    return str(found) if found.version == 4 else str(ipaddress.ip_network((found, _NETWORK), strict=False))  # noqa: PLR2004 - IPv4


def _devices(connection: HTTPConnection, secret: Secret) -> Iterator[tuple[str, str]]:
    kept = secret.unsigned("device", connection.cookies.get(COOKIE, ""), COOKIE_SECONDS)
    yield from ((str(device), str(who)) for device, who in kept or ())


def _bucket(secret: Secret, what: str, limits: tuple[int, float]) -> Bucket:
    return Bucket(secret.mac("attempt", what), *limits)


def _parameters(bucket: Bucket) -> dict[str, Any]:
    return {"bucket": bucket.name, "size": bucket.size, "refill": bucket.refill}
