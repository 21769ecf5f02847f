"""The demo's second half: people who get digests, a mail server that keeps them, and rows old enough to be purged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from tzlocal import get_localzone_name

from capture.errors import UsageError
from whochanged.sink import mail_sink

if TYPE_CHECKING:
    from capture.retention import PurgeReport
    from reports.jobs import DigestReport

SENDER = "Cloudfon CX <audit-log@cloudfon.test>"
CUT_AT = time(18)
"""When the digests are cut: after the last save of the day, so that they tell all of it."""

READERS: tuple[Mapping[str, Any], ...] = (
    {"email": "ana@acme.test", "name": "Ana Admin", "accounts": ("1",)},
    {"email": "olga@globex.test", "name": "Olga Petrova", "accounts": ("2",)},
)
ADDED_BY = "Tom Becker"
OLD_DAYS = (97, 98, 120)
"""How many days ago the changes were made that the purge removes."""

_OLD = "UPDATE crm.territories SET description = %s WHERE id = 1"


@dataclass(frozen=True, slots=True)
class Mailed:
    """The digests that were sent, and the files that show them, by address."""

    report: DigestReport | None
    files: Mapping[str, tuple[Path, ...]]


def trust_the_application(connection: psycopg.Connection[Any], role: str) -> None:
    """Trust the application's role, as if that were long ago: the saves are moved to before now."""
    trusted_since = datetime.now(UTC) - timedelta(days=max(OLD_DAYS) + 1)
    connection.execute("INSERT INTO audit.gateway (role, since) VALUES (%s, %s)", (role, trusted_since))


def make_old_changes(connection: psycopg.Connection[Any]) -> dict[int, datetime]:
    """Make changes that are to be old, one a day of OLD_DAYS; return the time of each transaction."""
    now = datetime.now(UTC)
    times = {}
    for days in OLD_DAYS:
        with connection.transaction():
            connection.execute(_OLD, (f"As it was {days} days ago",))
            row = connection.execute("SELECT pg_current_xact_id()::text").fetchone()
        if row is not None:
            times[int(row[0])] = now - timedelta(days=days)
    return times


def add_readers(connection: psycopg.Connection[Any], zone: tzinfo, day: date) -> None:
    """Add those who get digests, as if they had waited for one of *day* since the evening before."""
    from capture.catalogue import load_shipped
    from reports.recipients import add

    name = getattr(zone, "key", None) or get_localzone_name() or "UTC"
    for reader in READERS:
        add(connection, load_shipped(), timezone=name, send_at=CUT_AT, by=ADDED_BY, **reader)
    since = datetime.combine(day - timedelta(days=1), CUT_AT, tzinfo=zone)
    connection.execute("UPDATE audit.recipient SET added_at = %s", (since,))


def send_digests(connection: psycopg.Connection[Any], folder: Path) -> Mailed:
    """Cut and send what is due, as the scheduler would, to a mail server of the demo's own; keep the mails in a folder."""
    from reports.jobs import Mailing, digest_job

    with mail_sink() as sink:
        report = digest_job(connection, Mailing(sink.server, SENDER, None))
        mails = dict(sink.mails)
    return Mailed(report, {address: _keep(folder, address, mail) for address, mail in mails.items()})


def purge_old(connection: psycopg.Connection[Any]) -> PurgeReport | None:
    """Purge, as the scheduler would."""
    from reports.jobs import purge_job

    return purge_job(connection)


def _keep(folder: Path, address: str, mail: bytes) -> tuple[Path, ...]:
    """Write a mail and its two parts, named after the first part of the address."""
    message = BytesParser(policy=SMTP).parsebytes(mail)
    parts = {"eml": mail, "html": _part(message, "html"), "txt": _part(message, "plain")}
    paths = tuple(folder / f"{address.partition('@')[0]}.{ending}" for ending in parts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in zip(paths, parts.values(), strict=True):
            path.write_bytes(content)
    except OSError as error:
        message_for_people = f"cannot write to {folder} ({error.strerror}): choose another folder with --out"
        raise UsageError(message_for_people) from error
    return paths


def _part(message: Any, kind: str) -> bytes:
    body = message.get_body((kind,)) if isinstance(message, EmailMessage) else None
    return str(body.get_content()).encode() if body is not None else b""
