"""The jobs of alerts: look for what is sensitive and new, freeze it, and send what waits, by mail or to the webhook."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

import psycopg

from capture.catalogue import Catalogue
from capture.catalogue.installing import installed_catalogue
from capture.upkeep import acting_as_owner
from reports.alerts.look import PER_HOUR, Alert, cut_alerts
from reports.alerts.requests import Posted, cut_requests, posting, waiting_requests
from reports.alerts.webhook import Webhook
from reports.digest.compose import MailSettings
from reports.jobs import Mailing
from reports.outbox import Outcome, sending, waiting
from reports.runs import Job, failed_at_once, looked_often, mark_interrupted, noting, running

Way = Literal["alerts", "webhook"]
"""How alerts go: by mail, or to the webhook. Also the names of the two jobs."""

Told = Alert | Outcome | Posted
Recording = Callable[[psycopg.Connection[Any], Job, Mapping[str, int]], AbstractContextManager[None]]

_NOTED_EVERY = 55.0
"""Seconds between two notes that somebody looked and found nothing."""


@dataclass(frozen=True, slots=True)
class Alerting:
    """How sensitive changes are told at once: by mail, where *mailing* is given, at most *per_hour* to a recipient; to the webhook."""

    mailing: Mailing | None
    webhook: Webhook | None = None
    per_hour: int = PER_HOUR

    @property
    def ways(self) -> tuple[Way, ...]:
        """The ways that there are."""
        found: list[Way] = []
        if self.mailing is not None:
            found.append("alerts")
        if self.webhook is not None:
            found.append("webhook")
        return tuple(found)


def look(
    conn: psycopg.Connection[Any], way: Way, alerting: Alerting, stop: Callable[[], bool] | None = None
) -> Mapping[str, int] | None:
    """Do one look of the scheduler: tell what is new and send what waits. Returns what was done in numbers, None where nothing was."""
    with acting_as_owner(conn):
        return _look(conn, way, alerting, running, stop=stop)


def send_alerts(
    conn: psycopg.Connection[Any], way: Way, alerting: Alerting, *, now: bool = False, tell: Callable[[Told], None]
) -> Mapping[str, int] | None:
    """Do the same with the rights of the login, also through a pooler; *conn* must commit each statement.

    With `now`, what waits for its next try or was given up is tried too. What is done is told to *tell* as soon as it is settled.
    """
    return _look(conn, way, alerting, noting, now=now, tell=tell)


def words(conn: psycopg.Connection[Any]) -> tuple[Catalogue, str]:
    """Return the catalogue in force, and the product that alerts name."""
    catalogue = installed_catalogue(conn)
    return (Catalogue(name="none"), conn.info.dbname) if catalogue is None else (catalogue, catalogue.name)


def _look(
    conn: psycopg.Connection[Any],
    way: Way,
    alerting: Alerting,
    recording: Recording,
    *,
    now: bool = False,
    stop: Callable[[], bool] | None = None,
    tell: Callable[[Told], None] = lambda _: None,
) -> Mapping[str, int] | None:
    cut, trouble = 0, None
    try:
        cut = _cut(conn, way, alerting, tell)
    except Exception as error:  # whatever it is: what was cut is sent, and the run is written down
        if conn.closed:
            raise
        trouble = error
    if not _waits(conn, way, at_once=now):
        if trouble is not None:
            failed_at_once(conn, way, trouble)
            raise trouble
        looked_often(conn, way, seconds=_NOTED_EVERY, idle=not _waits(conn, way, at_once=True))
        return None
    mark_interrupted(conn)
    numbers: Counter[str] = Counter(cut=cut, sent=0, retry=0, parked=0)
    with recording(conn, way, numbers):
        _send(conn, way, alerting, numbers, now=now, stop=stop, tell=tell)
        if trouble is not None:
            raise trouble
    return dict(numbers)


def _cut(conn: psycopg.Connection[Any], way: Way, alerting: Alerting, tell: Callable[[Told], None]) -> int:
    catalogue, product = words(conn)
    if way == "webhook":
        return cut_requests(conn, catalogue, product)
    mailing = alerting.mailing
    assert mailing is not None  # noqa: S101 - it is one of the ways
    settings = MailSettings(mailing.sender, mailing.base_url, product)
    cut = cut_alerts(conn, catalogue, settings, per_hour=alerting.per_hour)
    for alert in cut:
        tell(alert)
    return len(cut)


def _waits(conn: psycopg.Connection[Any], way: Way, *, at_once: bool) -> bool:
    if way == "webhook":
        return bool(waiting_requests(conn, at_once=at_once))
    return bool(waiting(conn, at_once=at_once, kind="alert"))


def _send(
    conn: psycopg.Connection[Any],
    way: Way,
    alerting: Alerting,
    numbers: Counter[str],
    *,
    now: bool,
    stop: Callable[[], bool] | None,
    tell: Callable[[Told], None],
) -> None:
    if way == "webhook":
        assert alerting.webhook is not None  # noqa: S101 - it is one of the ways
        for posted in posting(conn, alerting.webhook, at_once=now, stop=stop):
            numbers[posted.state] += 1
            tell(posted)
        return
    assert alerting.mailing is not None  # noqa: S101 - it is one of the ways
    for outcome in sending(conn, alerting.mailing.server, at_once=now, stop=stop, kind="alert"):
        numbers[outcome.state] += 1
        tell(outcome)
