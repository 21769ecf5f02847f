"""Alerts and requests to the webhook, for terminals and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from reports.outbox import Outcome
from whochanged.output.machine import utc
from whochanged.output.safety import neutral

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime, tzinfo

    from rich.console import Console

    from reports.alerts.kept import KeptAlert, KeptRequest
    from reports.alerts.requests import Posted
    from reports.alerts.state import AlertState

_STYLES = {"pending": "cyan", "retry": "yellow", "sent": "green", "parked": "bold red"}
_BECAME = {"sent": "sent", "retry": "not sent, waits", "parked": "not sent, given up"}


def alert_document(alert: KeptAlert) -> dict[str, Any]:
    """The alert under its public names."""
    return {
        "kind": "mail",
        "id": alert.id,
        "recipient": alert.recipient,
        "address": alert.address,
        "serial": alert.serial,
        "entries": alert.entries,
        "subject": alert.subject,
        "message_id": alert.message_id,
        "oldest_at": utc(alert.window_start),
        "cut_at": utc(alert.cut_at),
        **_way(alert),
    }


def request_document(request: KeptRequest) -> dict[str, Any]:
    """The request under its public names."""
    return {
        "kind": "webhook",
        "id": request.id,
        "webhook_id": request.webhook_id,
        "part": request.part,
        "entries": request.entries,
        "oldest_at": utc(request.oldest_at),
        "cut_at": utc(request.cut_at),
        **_way(request),
    }


def print_alerts(console: Console, alerts: Iterable[KeptAlert], zone: tzinfo) -> None:
    """Print each alert in two lines: whom it told what, and what became of it."""
    for alert in alerts:
        head = Text.assemble((neutral(alert.address), "bold"), f"  no. {alert.serial}  ", neutral(alert.subject))
        console.print(head)
        console.print(_became(alert, zone))


def print_requests(console: Console, requests: Iterable[KeptRequest], zone: tzinfo) -> None:
    """Print each request to the webhook in two lines."""
    for request in requests:
        part = f"  part {request.part}" if request.part > 1 else ""
        head = Text.assemble(("webhook", "bold"), f"  {_count(request.entries, 'entry', 'entries')}{part}  ")
        console.print(head.append(request.webhook_id, style="dim"))
        console.print(_became(request, zone))


def state_lines(state: AlertState | None, zone: tzinfo) -> Iterator[str]:
    """Say what is held back, and whether the webhook is stopped."""
    if state is None:
        return
    if state.held and state.held_since is not None:
        entries = _count(state.held, "sensitive change is", "sensitive changes are")
        yield f"{entries} held back since {_clock(state.held_since, zone)}, for the next alert."
    if state.webhook_stopped_at is not None:
        yield (
            f"The webhook is stopped since {_clock(state.webhook_stopped_at, zone)} ({neutral(state.webhook_stopped_for or '')}): "
            "whochanged alerts resume  goes on."
        )


def told_text(told: Outcome | Posted) -> str:
    """What became of one try, in one line."""
    became = f"{_BECAME[told.state]}: {told.answer}"
    if isinstance(told, Outcome):
        return neutral(f"{told.address}  alert no. {told.serial} {became}")
    return neutral(f"webhook  {_count(told.entries, 'entry', 'entries')} {became}")


def waiting_text(whom: str, answer: str | None, tries: int) -> str:
    """What would be tried, in one line."""
    tried = f", after {_count(tries, 'try', 'tries')}: {answer or 'no answer'}" if tries else ""
    return neutral(f"{whom}  would be sent{tried}")


def would_text(email: str, subject: str) -> str:
    """What would be cut, in one line."""
    return neutral(f"{email}  would be told: “{subject}”")


def _way(one: KeptAlert | KeptRequest) -> dict[str, Any]:
    return {
        "state": one.state,
        "tries": one.tries,
        "not_before": utc(one.not_before) if one.state in {"pending", "retry"} else None,
        "answer": one.answer,
        "sent_at": None if one.sent_at is None else utc(one.sent_at),
    }


def _became(one: KeptAlert | KeptRequest, zone: tzinfo) -> Text:
    text = Text(f"  {_clock(one.cut_at, zone)}  ").append(one.state, _STYLES[one.state])
    if one.sent_at is not None:
        text.append(f" {_clock(one.sent_at, zone)}")
    elif one.state == "retry":
        text.append(f" not before {_clock(one.not_before, zone)}, after {_count(one.tries, 'try', 'tries')}")
    if one.answer:
        text.append(f"  {neutral(one.answer)}", style="" if one.state == "parked" else "dim")
    return text


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _clock(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
