"""From the settings to what alerts need: the mail server, the webhook and its secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from capture.errors import ConfigurationError
from reports.alerts.job import Alerting
from reports.alerts.webhook import Webhook, parse_webhook
from reports.jobs import Mailing
from whochanged.mail import mail_server, sender
from whochanged.settings import PREFIX

if TYPE_CHECKING:
    from whochanged.settings import Settings

_LONGEST = 4096


def alerting_of(settings: Settings, mailing: Mailing | None) -> Alerting:
    """Return the ways that alerts take. Raises ConfigurationError where the webhook cannot be used as it is set."""
    return Alerting(mailing, webhook(settings), settings.alerts_per_hour)


def mailing_of(settings: Settings) -> Mailing | None:
    """Return the mail server and the sender; None where neither is set. Raises ConfigurationError where one is missing."""
    if settings.smtp_url is None and settings.mail_from is None:
        return None
    return Mailing(mail_server(settings), sender(settings), settings.base_url)


def webhook(settings: Settings) -> Webhook | None:
    """Return the webhook of the settings, None where none is set. Raises ConfigurationError where it cannot be used."""
    if settings.webhook_url is None:
        return None
    secret = settings.webhook_secret
    if secret is None:
        message = (
            f"{PREFIX}WEBHOOK_URL is set and no secret to sign with: set {PREFIX}WEBHOOK_SECRET or {PREFIX}WEBHOOK_SECRET_FILE"
            " (whochanged alerts secret  makes one)"
        )
        raise ConfigurationError(message)
    return parse_webhook(settings.webhook_url.get_secret_value(), secret.get_secret_value(), settings.webhook_timeout)
