"""Requests to the webhook: frozen with what they tell, then handed in one at a time, under a lease and outside of any transaction."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import class_row, dict_row

from capture.catalogue.model import Catalogue
from capture.entries.describe import entries_of
from capture.errors import UsageError
from capture.model import Entry
from capture.resources import query
from capture.upkeep import one
from capture.window import Window, forward, oldest_in, watermark
from reports.alerts.bodies import Body, bodies
from reports.alerts.gather import ALERTED
from reports.alerts.look import anything_new, looking
from reports.alerts.readers import Held, move, stand_of
from reports.alerts.webhook import Reply, Webhook, post
from reports.clock import clock

State = Literal["sent", "retry", "parked"]

BACK_OFF = tuple(timedelta(seconds=seconds) for seconds in (15, 60, 300, 900, 1800, 3600, 7200))
"""How long to wait after the first try, the second, ...; the last one for all that follow. Up to a tenth more, by chance."""

GIVE_UP = timedelta(days=3)
LEAST_TRIES = 10
"""What was cut GIVE_UP ago is given up, but not before so many tries."""

WEBHOOK = 0
"""The number of the webhook among the readers of its channel."""

_GRACE = 60.0


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of one try: `state` is sent, retry or parked, `answer` what the receiver said; `gone` that it wants nothing any more."""

    id: int
    webhook_id: str
    entries: int
    state: State
    answer: str
    tries: int
    gone: bool


@dataclass(frozen=True, slots=True)
class WaitingRequest:
    """A request that the next run would try."""

    id: int
    webhook_id: str
    entries: int
    state: Literal["pending", "retry", "parked"]
    tries: int
    answer: str | None


@dataclass(frozen=True, slots=True)
class _Claim:
    id: int
    webhook_id: str
    lease: UUID
    tries: int
    entries: int
    cut_at: datetime
    body: bytes


def begin_webhook(conn: psycopg.Connection[Any]) -> None:
    """Let the webhook be told of what is finished from now on, unless it is being told already."""
    with conn.transaction():
        one(conn, query("note_incarnation"))
        mark = watermark(conn)
        conn.execute(query("alert_begin_webhook"), {"incarnation": mark.incarnation, "xid": str(mark.xid)})


def cut_requests(conn: psycopg.Connection[Any], catalogue: Catalogue, product: str, *, dry_run: bool = False) -> int:
    """Freeze the requests that tell what is sensitive and new, in one transaction; return how many there are.

    Nothing is cut while the receiver is down or wants nothing: it is kept, and told together once it is there again.
    """
    if not anything_new(conn, "webhook"):
        return 0
    made = 0
    if not dry_run:
        begin_webhook(conn)
    with looking(conn, "webhook", dry_run=dry_run) as numbers:
        if numbers:
            made = _cut(conn, catalogue, product)
    return made


def posting(
    conn: psycopg.Connection[Any], webhook: Webhook, *, at_once: bool = False, stop: Callable[[], bool] | None = None
) -> Iterator[Posted]:
    """Try every request that waits, the oldest first, and yield what became of each as soon as it is settled.

    `at_once` tries those too whose next try is not due yet, and those that were given up. The run ends where the receiver is
    down: the others would meet the same.
    """
    if conn.info.transaction_status != TransactionStatus.IDLE:
        raise UsageError("the connection is inside a transaction: commit it before sending requests")
    began = clock(conn)
    if at_once:
        with conn.transaction():
            conn.execute(query("webhook_hasten"), {"began": began})
    while not (stop and stop()):
        claim = _claim(conn, began, webhook.timeout + _GRACE)
        if claim is None:
            return
        reply = post(webhook, claim.webhook_id, claim.body)
        state = _state(claim, reply, began)
        _settle(conn, claim, state, reply)
        yield Posted(claim.id, claim.webhook_id, claim.entries, state, reply.said, claim.tries, reply.verdict == "gone")
        if reply.down:
            return


def waiting_requests(conn: psycopg.Connection[Any], *, at_once: bool = False) -> list[WaitingRequest]:
    """Return the requests that the next run would try."""
    with conn.cursor(row_factory=class_row(WaitingRequest)) as cursor:
        return cursor.execute(query("webhook_waiting"), {"at_once": at_once}).fetchall()


def resume(conn: psycopg.Connection[Any]) -> bool:
    """Send to the webhook again, after its receiver had said that it is gone; return whether that was a change."""
    with conn.transaction():
        return conn.execute(query("alert_stop"), {"at": None, "said": None}).rowcount > 0


def _cut(conn: psycopg.Connection[Any], catalogue: Catalogue, product: str) -> int:
    mark, at = watermark(conn), clock(conn)
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query("alert_webhook")).fetchone()
    assert row is not None  # noqa: S101 - its place is locked
    stand = stand_of(row)
    held_for: Held | None = "stopped" if row["stopped_at"] else "down" if row["down"] else None
    if held_for:
        times = [entry.at for entry in _sensitive(conn, catalogue, Window(stand.looked, mark))]
        told, made = stand.hold(len(times), min(times, default=None), mark), 0
    else:
        window, made = Window(stand.told, mark), 0
        for body in bodies(_sensitive(conn, catalogue, window), window, product):
            _keep(conn, window, body, at)
            made = body.part
        told = stand.tell(mark, 0)
    # Where there was no transaction nothing moves: what moves a place is a transaction too, and there would be no end of it.
    if told != stand and (made or oldest_in(conn, Window(stand.looked, mark)) is not None):
        move(conn, "webhook", WEBHOOK, told, held_for)
    return made


def _sensitive(conn: psycopg.Connection[Any], catalogue: Catalogue, window: Window) -> Iterator[Entry]:
    """Yield the sensitive entries of a window, oldest transaction first."""
    for _, block in forward(conn, window):
        yield from (entry for entry in entries_of(conn, catalogue, block) if entry.sensitivity == ALERTED)


def _keep(conn: psycopg.Connection[Any], window: Window, body: Body, at: datetime) -> None:
    first, after = window.first, window.next
    mark = one(conn, query("database_mark"))
    values = {
        # A dot would part it from what follows it in the signed text.
        "webhook_id": f"alert_{mark}_{first.incarnation}-{first.xid}_{body.part}",
        "first_incarnation": first.incarnation,
        "first_xid": str(first.xid),
        "next_incarnation": after.incarnation,
        "next_xid": str(after.xid),
        "part": body.part,
        "entries": body.entries,
        "oldest_at": body.oldest,
        "body": body.content,
        "cut_at": at,
    }
    conn.execute(query("webhook_keep"), values)


def _claim(conn: psycopg.Connection[Any], began: datetime, seconds: float) -> _Claim | None:
    with conn.transaction(), conn.cursor(row_factory=class_row(_Claim)) as cursor:
        return cursor.execute(query("webhook_claim"), {"began": began, "seconds": seconds}).fetchone()


def _settle(conn: psycopg.Connection[Any], claim: _Claim, state: State, reply: Reply) -> None:
    wait = BACK_OFF[min(claim.tries, len(BACK_OFF)) - 1].total_seconds()
    values = {
        "id": claim.id,
        "lease": claim.lease,
        "state": state,
        "answer": reply.said,
        "down": reply.down and state == "retry",
        # Not all at the same moment, should many wait for one receiver.
        "wait": max(wait * (1 + secrets.randbelow(100) / 1000), reply.wait or 0),
    }
    with conn.transaction():
        conn.execute(query("webhook_settle"), values)
        if reply.verdict == "gone":
            conn.execute(query("alert_stop"), {"at": clock(conn), "said": reply.said})


def _state(claim: _Claim, reply: Reply, began: datetime) -> State:
    if reply.verdict == "sent":
        return "sent"
    too_old = began - claim.cut_at >= GIVE_UP and claim.tries >= LEAST_TRIES
    return "parked" if too_old and reply.verdict == "again" else "retry"
