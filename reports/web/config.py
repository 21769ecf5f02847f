"""What the page is told when it is made; whochanged/web.py makes it of the settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network

from starlette.requests import HTTPConnection

from reports.web.viewer import Viewer

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class ProxyHeaders:
    """How a trusted reverse proxy names who is signed in there. `roles` maps what the header says to roles, in any case."""

    user: str | None = None
    name: str = "X-Forwarded-Name"
    email: str = "X-Forwarded-Email"
    role: str = "X-Forwarded-Role"
    accounts: str = "X-Forwarded-Accounts"
    export: str = "X-Forwarded-Export"


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenID Connect provider, and how its claims become roles.

    `role_claim` names the claim (dots lead into objects: realm_access.roles) whose values are looked for in `admins` and
    `account_admins`; who has none of them is refused. `accounts_claim` names the claim with an Account Admin's accounts.
    `exporters` are the values that allow to export, None: everybody may. The secret never shows where this is printed.
    """

    issuer: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    label: str = "single sign-on"
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    name_claim: str = "name"
    role_claim: str = "groups"
    admins: frozenset[str] = frozenset()
    account_admins: frozenset[str] = frozenset()
    accounts_claim: str = "accounts"
    exporters: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class HashCost:
    """Parameters of argon2id: rounds, KiB of memory, lanes. The default is RFC 9106's second choice, 64 MiB."""

    rounds: int = 3
    memory: int = 65536
    lanes: int = 4


@dataclass(frozen=True, slots=True)
class WebConfig:
    """Where the log is, whom to trust, and how long things last.

    `database` is an address as libpq takes it. `hosts` are the names under which the page is asked for, without port
    ("*" for any, as in a host that checks them itself). `proxies` are the networks of trusted reverse proxies: their
    forwarding headers count, and with `headers.user` who they say is signed in. `identify` is asked first by an
    application that mounts the page: whom it gives is signed in there. `framed` draws the navigation of a control panel
    around the pages; without it they fit into a host's. `ancestors` are the origins that may hold the page in a frame.
    """

    database: str
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    base_url: str | None = None
    proxies: tuple[Network, ...] = ()
    headers: ProxyHeaders = field(default_factory=ProxyHeaders)
    provider: Provider | None = None
    passwords: bool = True
    identify: Callable[[HTTPConnection], Viewer | None] | None = None
    framed: bool = True
    ancestors: tuple[str, ...] = ()
    timezone: str | None = None
    idle: timedelta = timedelta(minutes=30)
    longest: timedelta = timedelta(hours=12)
    connections: int = 12
    read_seconds: float = 10
    export_seconds: float = 900
    body_bytes: int = 65536
    body_seconds: float = 10
    cost: HashCost = field(default_factory=HashCost)
