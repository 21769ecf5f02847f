"""What was cut and what became of it, for terminals and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from whochanged.output.machine import utc
from whochanged.output.safety import neutral

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, tzinfo

    from rich.console import Console

    from reports.digest.compose import Mail
    from reports.digest.cut import Cut
    from reports.digest.kept import Delivery, KeptDigest
    from reports.outbox import Outcome, Waiting

_STYLES = {"pending": "cyan", "retry": "yellow", "sent": "green", "parked": "bold red"}


def digest_document(digest: KeptDigest, deliveries: Sequence[Delivery]) -> dict[str, Any]:
    """The digest under its public names; without a subject nothing was mailed."""
    return {
        "id": digest.id,
        "recipient": digest.recipient,
        "serial": digest.serial,
        "cadence": digest.cadence,
        "window_start": utc(digest.window_start),
        "window_end": utc(digest.window_end),
        "entries": digest.entries,
        "changes": digest.changes,
        "subject": digest.subject,
        "message_id": digest.message_id,
        "cut_at": utc(digest.cut_at),
        "deliveries": [
            {
                "address": delivery.address,
                "state": delivery.state,
                "tries": delivery.tries,
                "not_before": utc(delivery.not_before) if delivery.state in {"pending", "retry"} else None,
                "answer": delivery.answer,
                "sent_at": _utc(delivery.sent_at),
                "under_way": delivery.under_way,
            }
            for delivery in deliveries
        ],
    }


def mail_document(mail: Mail, *, mailed: bool) -> dict[str, Any]:
    """A mail to look at, under its public names; `mailed` tells whether it would be sent, `bytes` is its size on the way."""
    return {
        "to": mail.address,
        "subject": mail.rendered.subject,
        "preheader": mail.rendered.preheader,
        "message_id": mail.message_id,
        "mailed": mailed,
        "entries": mail.entries,
        "changes": mail.changes,
        "bytes": len(mail.message),
        "text": mail.rendered.text,
        "html": mail.rendered.html,
    }


def print_digests(console: Console, digests: Iterable[tuple[KeptDigest, list[Delivery]]], zone: tzinfo) -> None:
    """Print each digest with its deliveries; what was refused stands there with the server's answer."""
    for digest, deliveries in digests:
        addresses = {delivery.address for delivery in deliveries}
        who = digest.recipient or ", ".join(sorted(addresses)) or "a removed recipient"
        span = f"{_clock(digest.window_start, zone)} – {_clock(digest.window_end, zone)}"
        head = Text.assemble((neutral(who), "bold"), f"  no. {digest.serial}  {digest.cadence}  ", (span, "dim"))
        console.print(head.append(f"  {_count(digest.entries, 'entry', 'entries')}"))
        if not deliveries:
            console.print(Text("  nothing to tell: not mailed", style="dim"))
        for delivery in deliveries:
            console.print(_delivery(delivery, zone))


def cut_text(cut: Cut, *, would: bool = False) -> str:
    """What was cut, in one line."""
    told = _count(cut.entries, "entry", "entries")
    verb = "would be cut" if would else "cut"
    mail = f"“{cut.subject}”" if cut.mailed else "nothing to tell, no mail"
    return neutral(f"{cut.email}  no. {cut.serial} {verb}: {told}; {mail}")


def outcome_text(outcome: Outcome) -> Text:
    """What became of one try, in one line."""
    text = Text(neutral(f"{outcome.address}  no. {outcome.serial} "))
    text.append(
        {"sent": "sent", "retry": "not sent, waits", "parked": "not sent, parked"}[outcome.state],
        _STYLES[outcome.state],
    )
    text.append(neutral(f": {outcome.answer}"))
    return text


def waiting_text(delivery: Waiting) -> str:
    """What would be tried, in one line."""
    tried = (
        f", after {_count(delivery.tries, 'try', 'tries')}: {delivery.answer or 'no answer'}" if delivery.tries else ""
    )
    return neutral(f"{delivery.address}  no. {delivery.serial} would be sent{tried}")


def _delivery(delivery: Delivery, zone: tzinfo) -> Text:
    text = Text(f"  {neutral(delivery.address)}  ")
    text.append(delivery.state, _STYLES[delivery.state])
    if delivery.sent_at is not None:
        text.append(f" {_clock(delivery.sent_at, zone)}")
    elif delivery.under_way:
        text.append(" just now")
    elif delivery.state == "retry":
        text.append(f" not before {_clock(delivery.not_before, zone)}, after {_count(delivery.tries, 'try', 'tries')}")
    if delivery.answer:
        text.append(f"  {neutral(delivery.answer)}", style="" if delivery.state == "parked" else "dim")
    return text


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _clock(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def _utc(at: datetime | None) -> str | None:
    return None if at is None else utc(at)
