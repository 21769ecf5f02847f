"""The mail of an alert: what it says, and the whole message byte for byte."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import psycopg

from capture.resources import query
from capture.upkeep import one
from capture.window import Window
from reports import safety
from reports.alerts.gather import Bundle
from reports.alerts.readers import Stand
from reports.alerts.render import AlertContent, render_alert
from reports.digest.compose import MailSettings
from reports.digest.lines import NAME, person
from reports.digest.message import build_message
from reports.digest.render import Rendered
from reports.digest.words import count, listed

_KINDS_NAMED = 8
_PEOPLE_NAMED = 5


@dataclass(frozen=True, slots=True)
class AlertMail:
    """An alert, ready to be frozen: to whom, its parts as rendered, the whole of it byte for byte."""

    address: str
    rendered: Rendered
    message_id: str
    message: bytes


def compose_alert(
    conn: psycopg.Connection[Any],
    mail: MailSettings,
    number: int,
    stand: Stand,
    bundle: Bundle,
    window: Window,
    at: datetime,
) -> AlertMail:
    """Return the mail that tells what a bundle holds, to the recipient of a number who stands there."""
    serial = stand.serial + 1
    rendered = render_alert(content_of(mail, stand, bundle), serial=serial, base_url=mail.base_url)
    about = f"{window.first.incarnation}.{window.first.xid}-{window.next.incarnation}.{window.next.xid}"
    # It stands for the recipient, the window and the database, so that it is the same in every try, and no other is.
    message_id = f"<alert.{number}.{about}.{one(conn, query('database_mark'))}@{mail.host}>"
    message = build_message(
        rendered,
        bundle.reader,
        sender=mail.sender,
        message_id=message_id,
        window=about,
        date=at,
        serial=serial,
        base_url=mail.base_url,
        kind="alert",
    )
    return AlertMail(bundle.reader.email, rendered, message_id, message)


def content_of(mail: MailSettings, stand: Stand, bundle: Bundle) -> AlertContent:
    """Return what the templates need of a bundle, harmless and bounded."""
    assert bundle.span is not None  # noqa: S101 - something was offered
    kinds = bundle.kinds.most_common()
    lines = [replace(line, rank=rank) for rank, line in bundle.lines]
    if bundle.number > len(lines):
        # Where not all are shown, what matters most must not stand at the end.
        lines.sort(key=lambda line: line.rank)
    return AlertContent(
        product=safety.line(mail.product, NAME),
        reader=bundle.reader,
        calendar=bundle.span,
        totals=bundle.totals,
        lines=tuple(lines),
        kinds=tuple(kinds[:_KINDS_NAMED]),
        other_kinds=bundle.number - sum(number for _, number in kinds[:_KINDS_NAMED]),
        people=_people(bundle),
        several_accounts=len(bundle.accounts) > 1,
        notes=_notes(stand, bundle),
    )


def _people(bundle: Bundle) -> str:
    """Return who it was: "Ana Admin (3), dana_dba (direct SQL, 1) and 2 others"."""
    shares = bundle.crowd.most_first()
    named = []
    for share in shares[:_PEOPLE_NAMED]:
        shown = person(share.name, share.kind, share.trust, share.mark)
        facts = ", ".join(filter(None, [shown.mark, f"{share.entries:,}" if bundle.number > 1 else None]))
        named.append(f"{shown.name} ({facts})" if facts else shown.name)
    if more := len(shares) - len(named):
        named.append(f"{'at least ' if bundle.crowd.unnamed else ''}{count(more, 'other')}")
    return listed(named)


def _notes(stand: Stand, bundle: Bundle) -> tuple[str, ...]:
    """Return what makes the alert other than its reader expects."""
    span = bundle.span
    if not stand.held or stand.held_since is None or span is None:
        return ()
    held = count(stand.held, "of these changes was", "of these changes were")
    oldest = span.moment(stand.held_since).words
    why = "alerts come a few at a time, and only as long as they can be delivered"
    return (f"{held} held back, the oldest from {oldest}: {why}. Nothing was left out.",)
