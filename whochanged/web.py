"""From the settings to what the page is told when it is made."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from capture.errors import ConfigurationError
from whochanged.settings import PREFIX, Settings

if TYPE_CHECKING:
    from reports.web.config import Provider, WebConfig

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_CONNECT_SECONDS = 5


def require_web() -> None:
    """Refuse to go on without the libraries of the extra `web`. Raises ConfigurationError."""
    try:
        import argon2  # noqa: F401 - whether it is there
        import python_multipart  # noqa: F401 - whether it is there
        import starlette  # noqa: F401 - whether it is there
        import uvicorn  # noqa: F401 - whether it is there
    except ImportError as error:
        message = f"the page needs {error.name}: pip install 'whochanged[web]'"
        raise ConfigurationError(message) from None


def web_config(settings: Settings, address: str, *, host: str = "127.0.0.1", encrypted: bool = False) -> WebConfig:
    """Return what the page is told; *host* is where it listens. Raises ConfigurationError where settings do not fit together."""
    from reports.calendar import zone_of
    from reports.web.config import ProxyHeaders, RoleNames, WebConfig
    from reports.web.server import is_loopback

    proxies = tuple(ipaddress.ip_network(each, strict=False) for each in settings.trusted_proxies)
    if settings.proxy_user_header is not None and not proxies:
        message = (
            f"{PREFIX}PROXY_USER_HEADER is set, and nobody's headers count: name the proxy in {PREFIX}TRUSTED_PROXIES"
        )
        raise ConfigurationError(message)
    roles = RoleNames(
        frozenset(settings.web_admins),
        frozenset(settings.web_account_admins),
        frozenset(settings.web_exporters) or None,
    )
    provider = _provider(settings)
    if (provider or settings.proxy_user_header) and not (roles.admins or roles.account_admins):
        message = (
            f"nobody could sign in: say in {PREFIX}WEB_ADMINS and {PREFIX}WEB_ACCOUNT_ADMINS which roles or groups may"
        )
        raise ConfigurationError(message)
    if settings.web_timezone is not None:
        zone_of(settings.web_timezone)
    headers = None
    if settings.proxy_user_header is not None:
        headers = ProxyHeaders(
            user=settings.proxy_user_header,
            name=settings.proxy_name_header,
            email=settings.proxy_email_header,
            roles=settings.proxy_roles_header,
            accounts=settings.proxy_accounts_header,
        )
    return WebConfig(
        database=_pooled(address),
        hosts=_hosts(settings, host),
        base_url=settings.base_url,
        root=urlsplit(settings.base_url or "").path.rstrip("/"),
        proxies=proxies,
        only_proxies=not (encrypted or is_loopback(host)),
        headers=headers,
        provider=provider,
        roles=roles,
        passwords=settings.web_passwords,
        ancestors=settings.frame_ancestors,
        timezone=settings.web_timezone,
        idle=timedelta(minutes=settings.session_idle_minutes),
        longest=timedelta(hours=settings.session_hours),
    )


def _provider(settings: Settings) -> Provider | None:
    """Return the provider of the settings, None where none is named."""
    if settings.oidc_issuer is None and settings.oidc_client_id is None:
        return None
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        message = f"{PREFIX}OIDC_ISSUER and {PREFIX}OIDC_CLIENT_ID belong together: set both"
        raise ConfigurationError(message)
    try:
        import authlib  # noqa: F401 - whether it is there
        import httpx2  # noqa: F401 - whether it is there
    except ImportError as error:
        message = f"OpenID Connect needs {error.name}: pip install 'whochanged[oidc]'"
        raise ConfigurationError(message) from None
    from reports.web.config import Provider

    secret = settings.oidc_client_secret
    return Provider(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=None if secret is None else secret.get_secret_value(),
        label=settings.oidc_label,
        scopes=settings.oidc_scopes,
        name_claim=settings.oidc_name_claim,
        roles_claim=settings.oidc_roles_claim,
        accounts_claim=settings.oidc_accounts_claim,
    )


def _hosts(settings: Settings, host: str) -> tuple[str, ...]:
    """Return the names under which the page is asked for. Raises ConfigurationError where it listens everywhere and has none."""
    named = list(settings.web_hosts)
    if settings.base_url is not None:
        netloc = urlsplit(settings.base_url).netloc.rpartition("@")[2]
        named.append(netloc.partition("]")[0] + "]" if netloc.startswith("[") else netloc.partition(":")[0])
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - looked at, not listened at
        if not named:
            message = f"say under which name the page is asked for: set {PREFIX}BASE_URL, as https://audit.example.com"
            raise ConfigurationError(message)
    else:
        named.append(f"[{host}]" if ":" in host else host)
    return tuple(dict.fromkeys([*named, *LOOPBACK]))


def _pooled(address: str) -> str:
    """Return the database's address as the page's connections use it."""
    whole = make_conninfo(address, fallback_application_name="whochanged serve", client_encoding="utf8")
    return (
        whole
        if "connect_timeout" in conninfo_to_dict(whole)
        else make_conninfo(whole, connect_timeout=_CONNECT_SECONDS)
    )
