"""What keeps alerts from their readers, in the words of `whochanged status` and of the page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from reports.alerts.state import LATE, AlertState

_UNSEEN = timedelta(hours=1)


def alert_problems(state: AlertState, now: datetime) -> Iterator[str]:
    """Say what keeps sensitive changes from those who should know at once, and what to do."""
    shows = "whochanged alerts list  shows the answers"
    if state.webhook_stopped_at is not None:
        yield (
            f"the webhook is stopped, its receiver answered {state.webhook_stopped_for}: put WHOCHANGED_WEBHOOK_URL right, then run  "
            "whochanged alerts resume"
        )
    for number, what in (
        (state.mails_parked, ("alert was", "alerts were")),
        (state.requests_parked, ("request to the webhook was", "requests to the webhook were")),
    ):
        if number:
            yield f"{_count(number, *what)} given up: {shows}; when that is seen to, run  whochanged alerts send --now"
    for since, number, what in (
        (state.mails_waiting_since, state.mails_waiting, ("alert has", "alerts have")),
        (
            state.requests_waiting_since,
            state.requests_waiting,
            ("request to the webhook has", "requests to the webhook have"),
        ),
    ):
        if since is not None and now - since > LATE and state.webhook_stopped_at is None:
            yield f"{_count(number, *what)} waited for more than 10 minutes: {shows}"
    if state.unseen_since is not None and now - state.unseen_since > _UNSEEN:
        yield (
            "nobody has looked for sensitive changes for an hour, so that alerts are overdue: start  whochanged run,  or let cron run  "
            "whochanged alerts send  every minute"
        )


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
