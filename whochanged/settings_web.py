"""The settings of the page: under which names it is asked for, whom it trusts, and what others call our roles."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode

List = Annotated[tuple[str, ...], NoDecode]

_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}")
_ORIGIN = re.compile(r"'self'|https?://[A-Za-z0-9.*_-]+(:[0-9]+)?")
_HOST = re.compile(r"\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+")


class WebSettings(BaseSettings):
    """What the environment says of the page; a part of Settings."""

    web_hosts: List = Field((), description="further names under which the page is asked for, parted by commas")
    web_passwords: bool = Field(default=True, description="whether local accounts may sign in")
    web_admins: List = Field((), description="what the proxy or the provider calls an Admin")
    web_account_admins: List = Field((), description="what the proxy or the provider calls an Account Admin")
    web_exporters: List = Field((), description="who of them may export; empty: everybody")
    web_timezone: str | None = Field(None, description="zone of the page for those who have none of their own; UTC")
    frame_ancestors: List = Field((), description="origins that may show the page in a frame")
    session_idle_minutes: int = Field(30, ge=1, le=1440, description="minutes without a request that end a session")
    session_hours: int = Field(12, ge=1, le=168, description="hours after which a session ends in any case")
    trusted_proxies: List = Field((), description="addresses or networks of reverse proxies whose headers count")
    proxy_user_header: str | None = Field(None, description="header in which they name who is signed in there")
    proxy_name_header: str = Field("X-Forwarded-Name", description="header with the name that is shown")
    proxy_email_header: str = Field("X-Forwarded-Email", description="header with the mail address")
    proxy_roles_header: str = Field("X-Forwarded-Groups", description="header with roles or groups, parted by commas")
    proxy_accounts_header: str = Field("X-Forwarded-Accounts", description="header with an Account Admin's accounts")
    oidc_issuer: str | None = Field(None, description="address of the OpenID Connect provider")
    oidc_client_id: str | None = Field(None, description="what the provider calls this service")
    oidc_client_secret: SecretStr | None = Field(None, description="the secret that the provider gave it")
    oidc_label: str = Field("single sign-on", description="what the button calls the provider")
    oidc_scopes: List = Field(("openid", "profile", "email"), description="scopes that are asked for")
    oidc_name_claim: str = Field("name", description="claim with the name that is shown")
    oidc_roles_claim: str = Field("groups", description="claim with roles or groups")
    oidc_accounts_claim: str = Field("accounts", description="claim with an Account Admin's accounts")

    @field_validator(
        "web_hosts",
        "web_admins",
        "web_account_admins",
        "web_exporters",
        "frame_ancestors",
        "trusted_proxies",
        "oidc_scopes",
        mode="before",
    )
    @classmethod
    def _parts(cls, value: object) -> object:
        """Take a list apart at the commas."""
        if isinstance(value, str):
            return tuple(part for each in value.split(",") if (part := each.strip()))
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is no network, and the whole Internet."""
        for each in value:
            try:
                network = ipaddress.ip_network(each, strict=False)
            except ValueError:
                message = "must be addresses or networks, as 10.0.0.5 or 10.0.0.0/24"
                raise ValueError(message) from None
            if network.prefixlen == 0:
                message = "must not be everybody: name the proxy's own address"
                raise ValueError(message)
        return value

    @field_validator("web_hosts")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is no name of a host."""
        if not all(_HOST.fullmatch(each) for each in value):
            message = "must be names without scheme and port, as audit.example.com"
            raise ValueError(message)
        return value

    @field_validator("frame_ancestors")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what would end the header, or is no origin."""
        if not all(_ORIGIN.fullmatch(each) for each in value):
            message = "must be origins, as https://panel.example.com, or 'self'"
            raise ValueError(message)
        return value

    @field_validator(
        "proxy_user_header", "proxy_name_header", "proxy_email_header", "proxy_roles_header", "proxy_accounts_header"
    )
    @classmethod
    def _headers(cls, value: str | None) -> str | None:
        """Refuse what is no name of a header."""
        if value is not None and not _HEADER.fullmatch(value):
            message = "must be the name of a header, as X-Forwarded-User"
            raise ValueError(message)
        return value
