"""Settings: environment variables named WHOCHANGED_..., and the rules that find the database's address."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import platformdirs
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from capture.errors import ConfigurationError, UsageError
from whochanged.settings_web import WebSettings

PREFIX = "WHOCHANGED_"

_LIBPQ = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE")
_MAIL_SCHEMES = ("smtp", "smtps", "smtp+starttls")


class Settings(WebSettings):
    """What the environment says; a secret shows as stars wherever a value is printed."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True)

    database_url: SecretStr | None = Field(None, description="address of the database, as a URL or libpq's words")
    home: Path | None = Field(None, description="folder of the embedded PostgreSQL's data")
    smtp_url: SecretStr | None = Field(None, description="smtp://user:password@host:port, smtps:// or smtp+starttls://")
    smtp_timeout: float = Field(30, gt=0, le=600, description="seconds that each answer of the mail server may take")
    mail_from: str | None = Field(None, description="address that mails come from")
    base_url: str | None = Field(None, description="address of the web page, for the links in mails")
    retention_days: int = Field(90, ge=1, le=36500, description="days that a change stays in the log")
    admins_query: str | None = Field(
        None,
        description="SELECT that gives the email, and perhaps the account, of those who may be mailed; none ends that",
    )
    product_roles: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="database roles shown as System, parted by commas"
    )

    @field_validator("product_roles", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """Take the roles apart at the commas."""
        if isinstance(value, str):
            return tuple(role for part in value.split(",") if (role := part.strip()))
        return value

    @field_validator("admins_query")
    @classmethod
    def _query(cls, value: str | None) -> str | None:
        """Take the word none for no query."""
        if value is None or value.strip().casefold() == "none":
            return value if value is None else ""
        return value.strip().rstrip(";").rstrip()

    @field_validator("smtp_url")
    @classmethod
    def _mail_scheme(cls, value: SecretStr | None) -> SecretStr | None:
        """Refuse an address that no mail server has, without repeating it: it may hold a password."""
        if value is None:
            return None
        scheme, _, rest = value.get_secret_value().partition("://")
        if scheme not in _MAIL_SCHEMES or not rest:
            known = "://, ".join(_MAIL_SCHEMES)
            message = f"must start with one of {known}://"
            raise ValueError(message)
        return value

    @field_validator("base_url")
    @classmethod
    def _page(cls, value: str | None) -> str | None:
        """Refuse what no link in a mail can begin with."""
        if value is not None and not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", value):
            message = "must look like https://audit.example.com"
            raise ValueError(message)
        return value

    @property
    def home_folder(self) -> Path:
        """Return the folder of the embedded server's data: root's is where other users may pass through."""
        if self.home is not None:
            return self.home.expanduser().absolute()
        if os.geteuid() == 0:
            return Path("/var/lib/whochanged")
        return platformdirs.user_data_path("whochanged", appauthor=False)


def load_settings() -> Settings:
    """Read the settings from the environment; a wrong one is named, with what it may be."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = PREFIX + str(first["loc"][0]).upper()
        reason = str(first["msg"]).removeprefix("Value error, ")
        message = f"{name} is not usable: {reason}"
        raise ConfigurationError(message) from None


def resolve_dsn(cli_dsn: str | None = None, environment: Mapping[str, str] | None = None) -> str | None:
    """Return the database's address by the first rule that finds one, or None: use the embedded server.

    The rules: `--dsn`, WHOCHANGED_DATABASE_URL, DATABASE_URL, libpq's own variables (PGHOST, PGSERVICE, ...).
    With libpq's variables the address is empty, since libpq reads them itself.
    """
    environment = os.environ if environment is None else environment
    if cli_dsn:
        return checked_dsn(cli_dsn, "--dsn", UsageError)
    for name in (f"{PREFIX}DATABASE_URL", "DATABASE_URL"):
        if environment.get(name):
            return checked_dsn(environment[name], name, ConfigurationError)
    if any(environment.get(name) for name in _LIBPQ):
        return ""
    return None


def checked_dsn(address: str, source: str, error: type[UsageError | ConfigurationError] = ConfigurationError) -> str:
    """Return *address* in the form that libpq takes; *source* names where a wrong one comes from.

    A driver that SQLAlchemy's users write into the scheme (`postgresql+psycopg://`) is left out.
    """
    scheme, separator, rest = address.partition("://")
    if separator and scheme.partition("+")[0] in {"postgresql", "postgres"}:
        address = f"postgresql://{rest}"
    elif separator and "=" not in scheme:
        message = f"{source} is the address of no PostgreSQL: write postgresql://user@host:5432/database"
        raise error(message)
    try:
        host = conninfo_to_dict(address).get("host")
    except ProgrammingError:
        message = f"{source} cannot be read as an address: write postgresql://user@host:5432/database"
        raise error(message) from None
    if "@" in str(host or "").removeprefix("@"):  # what stands before it is the end of a password
        message = f"{source} has more than one @: write those of the password as %40"
        raise error(message)
    return address


def shown_dsn(dsn: str) -> str:
    """Return *dsn* without its secrets, to be shown to people."""
    words = conninfo_to_dict(dsn)
    for secret in ("password", "sslpassword", "passfile", "oauth_client_secret"):
        words.pop(secret, None)
    return make_conninfo("", **words)
