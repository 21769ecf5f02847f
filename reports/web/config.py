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
class RoleNames:
    """What others call our roles, compared whatever the case: their groups, roles or flags.

    Who has one of `admins` is an Admin, else who has one of `account_admins` is an Account Admin; nobody else gets in.
    `exporters` are those who may export, None: everybody who gets in.
    """

    admins: frozenset[str] = frozenset()
    account_admins: frozenset[str] = frozenset()
    exporters: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class ProxyHeaders:
    """How a trusted reverse proxy names who is signed in there: the headers' names. `user` is unique and stays.

    Roles and accounts are lists, parted by commas. Those of an Account Admin are theirs; an Admin's are not looked at.
    """

    user: str
    name: str = "X-Forwarded-Name"
    email: str = "X-Forwarded-Email"
    roles: str = "X-Forwarded-Groups"
    accounts: str = "X-Forwarded-Accounts"


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenID Connect provider, and the claims that tell a person's name, roles and accounts.

    Dots in the name of a claim lead into objects: realm_access.roles. The secret never shows where this is printed.
    """

    issuer: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    label: str = "single sign-on"
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    name_claim: str = "name"
    roles_claim: str = "groups"
    accounts_claim: str = "accounts"


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
    ("*" for any, as in a host that checks them itself). `root` is the path below which a proxy shows the page, whether or not
    it takes that away from what it asks; a mount says so by itself. `proxies` are the networks of trusted reverse proxies: their
    forwarding headers count, and with `headers` who they say is signed in. `only_proxies`: where it listens to the network
    without TLS, only these and this machine are answered. `roles` are the names that proxies and the provider have for our
    roles. `identify` is asked first by an application that mounts the page: whom it gives is signed in there. `framed` draws
    the navigation of a control panel around the pages; without it they fit into a host's. `ancestors` are the origins that
    may hold the page in a frame.
    """

    database: str
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    base_url: str | None = None
    root: str = ""
    proxies: tuple[Network, ...] = ()
    only_proxies: bool = False
    headers: ProxyHeaders | None = None
    provider: Provider | None = None
    roles: RoleNames = field(default_factory=RoleNames)
    passwords: bool = True
    identify: Callable[[HTTPConnection], Viewer | None] | None = None
    framed: bool = True
    ancestors: tuple[str, ...] = ()
    timezone: str | None = None
    idle: timedelta = timedelta(minutes=30)
    longest: timedelta = timedelta(hours=12)
    connections: int = 14
    read_seconds: float = 10
    export_seconds: float = 900
    body_bytes: int = 65536
    body_seconds: float = 10
    cost: HashCost = field(default_factory=HashCost)
