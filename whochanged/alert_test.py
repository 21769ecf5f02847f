"""Trying out the ways of alerts: one mail and one request that tell nothing, and what the servers answered."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import Any

import psycopg

from capture.errors import ConfigurationError, MailError
from reports.addresses import address_of, checked_address
from reports.alerts.webhook import post
from reports.documents import ascii_line, utc
from reports.smtp import deliver
from whochanged.alerting import webhook
from whochanged.mail import mail_server, sender, words_and_product
from whochanged.settings import PREFIX, Settings


def try_mail(connection: psycopg.Connection[Any], settings: Settings, email: str) -> str:
    """Send a test mail and return what the server said. Raises MailError where it does not take it."""
    _, product = words_and_product(connection)
    origin, server, to = sender(settings), mail_server(settings), checked_address(email)
    address = address_of(origin)
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = origin, to
    message["Subject"] = f"[{' '.join(product.split())}] Test of the alerts"
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid("test", address.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        f"This is a test of the alerts of the audit log of {product}. It tells no change.\n\n"
        "Mails about sensitive changes come from this address.\n"
    )
    answer = deliver(server, address, to, message.as_bytes())
    if answer.verdict != "sent":
        raise MailError(f"{server} did not take the test mail to {to}: {answer.said}")
    return f"{to}  sent: {answer.said}"


def try_webhook(connection: psycopg.Connection[Any], settings: Settings) -> str:
    """Send a test request and return what the receiver said. Raises MailError where it does not take it."""
    _, product = words_and_product(connection)
    found = webhook(settings)
    if found is None:
        raise ConfigurationError(f"there is no webhook to test: set {PREFIX}WEBHOOK_URL")
    body = {"type": "audit.test", "timestamp": utc(datetime.now(UTC)), "data": {"product": product, "entries": []}}
    reply = post(found, f"test_{secrets.token_hex(12)}", ascii_line(body).encode("ascii"))
    if reply.verdict != "sent":
        raise MailError(f"the {found} did not take the test request: {reply.said}")
    return f"webhook  sent: {reply.said}"
