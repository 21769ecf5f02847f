"""From the settings to what sending mails needs: the server, and what mails say of their origin."""

from __future__ import annotations

from typing import Any

import psycopg

from capture.catalogue import Catalogue
from capture.catalogue.installing import installed_catalogue
from capture.errors import ConfigurationError, UsageError
from reports.addresses import address_of
from reports.digest.cut import MailSettings
from reports.smtp import MailServer, parse_server
from whochanged.settings import PREFIX, Settings


def mail_server(settings: Settings) -> MailServer:
    """Return the mail server of the settings. Raises ConfigurationError where none is set."""
    if settings.smtp_url is None:
        message = f"no mail server is configured: set {PREFIX}SMTP_URL, as smtp://user:password@host:port"
        raise ConfigurationError(message)
    return parse_server(settings.smtp_url.get_secret_value(), settings.smtp_timeout)


def sender(settings: Settings) -> str:
    """Return the From line of the settings. Raises ConfigurationError where none is set, or one that is no address."""
    if settings.mail_from is None:
        message = f"mails need a sender: set {PREFIX}MAIL_FROM to an address that your mail server accepts"
        raise ConfigurationError(message)
    try:
        address_of(settings.mail_from)
    except UsageError as error:
        message = f"{PREFIX}MAIL_FROM is not usable: {error}"
        raise ConfigurationError(message) from None
    return settings.mail_from.strip()


def words_and_product(connection: psycopg.Connection[Any]) -> tuple[Catalogue, str]:
    """Return the installed catalogue and the product that digests name: the catalogue's, else the database itself."""
    catalogue = installed_catalogue(connection)
    if catalogue is None:
        return Catalogue(name="none"), connection.info.dbname
    return catalogue, catalogue.name


def mail_settings(settings: Settings, product: str) -> MailSettings:
    """Return what mails say of their origin."""
    return MailSettings(sender(settings), settings.base_url, product)
