"""Sending what was cut: one delivery at a time, under a lease, and outside of any transaction.

A transaction that is open while a mail server thinks would hold back the watermark of every digest. So a delivery is
claimed (committed), handed in, and settled (committed). Whoever dies in between leaves a lease that ends by itself; then
the same bytes go again under the same Message-ID. At least once is the best that SMTP allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.parser import BytesHeaderParser
from email.policy import SMTP
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import class_row, tuple_row

from capture.errors import ConfigurationError, MailError, UsageError
from capture.resources import query
from reports.admins import Asking
from reports.bounces import note_bounce, note_taken
from reports.clock import clock
from reports.parked import address_now, parked, unpark
from reports.smtp import Answer, MailServer, deliver

State = Literal["sent", "retry", "parked"]

BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360))
"""How long to wait after the first try, the second, ...; the last one for all that follow."""

GIVE_UP = timedelta(days=7)
LEAST_TRIES = 10
"""A digest that was cut GIVE_UP ago is given up, but not before so many tries: the scheduler may have been down."""

SILENCES = 3
"""So many time-outs in a row end a run: the mails that are left would wait for the same silence.
So do so many denials before the first mail is taken."""

DENIED_FOR = timedelta(days=1)
DENIED_TRIES = 5
"""What a server denied so long and so often is given up where it may be the recipient's own: see `_given_up`."""

LOOK_AGAIN = timedelta(hours=1)
"""When it is looked at again whether somebody who was no admin is one."""

_GRACE = 60.0
"""Seconds that a lease outlives the longest delivery."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try: `state` is sent, retry or parked, `answer` what the server said."""

    digest_id: int
    serial: int
    address: str
    state: State
    answer: str
    tries: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A delivery that the next run would try, and the address that it would go to."""

    digest_id: int
    serial: int
    address: str
    state: Literal["pending", "retry", "parked"]
    tries: int
    answer: str | None


@dataclass(frozen=True, slots=True)
class _Claim:
    """A delivery under our lease, with the frozen message; `accounts` are those that it tells of, `email` its recipient's address now."""

    digest_id: int
    recipient_id: int
    address: str
    email: str
    accounts: list[str] | None
    lease: UUID
    tries: int
    serial: int
    cut_at: datetime
    message: bytes


@dataclass(frozen=True, slots=True)
class _Denied:
    """A try that was denied, for a reason that may be ours or the recipient's."""

    claim: _Claim
    answer: Answer


_MAY_BE_OURS = frozenset({"denied", "unserved"})


def send_waiting(
    conn: psycopg.Connection[Any],
    server: MailServer,
    *,
    at_once: bool = False,
    stop: Callable[[], bool] | None = None,
) -> list[Outcome]:
    """Try every delivery that waits, and return what became of each: see `sending`."""
    return list(sending(conn, server, at_once=at_once, stop=stop))


def sending(
    conn: psycopg.Connection[Any],
    server: MailServer,
    *,
    at_once: bool = False,
    stop: Callable[[], bool] | None = None,
) -> Iterator[Outcome]:
    """Try every delivery that waits, and yield what became of each as soon as it is settled.

    `at_once` tries those too whose next try is not due yet, and those that are parked. `stop` is asked before each: once it
    says yes, what is left waits for the next run. The connection must be outside of a transaction.
    What goes to somebody who is no admin any more, or not of all that it tells, waits. Raises ConfigurationError where the query of
    admins fails: then all waits.
    Raises MailError, with what to do, where the configuration is at fault or the server does not answer time after time:
    all that is left waits for the next run. What is denied by the server (see reports/smtp.py) is judged at the end.
    """
    if conn.info.transaction_status != TransactionStatus.IDLE:
        raise UsageError("the connection is inside a transaction: commit it before sending mails")
    asking, passed = Asking(conn), list[int]()
    asking.now()
    began, silences = _begin(conn, at_once=at_once), 0
    denied, serves = list[_Denied](), False
    while not (stop and stop()) and (serves or len(denied) < SILENCES):
        claim = _claim(conn, began, server.longest + _GRACE, passed, at_once=at_once)
        if claim is None:
            break
        if not _may_go(conn, claim, asking):
            passed.append(claim.digest_id)
            continue
        answer = deliver(server, _sender(claim.message), claim.address, claim.message)
        state = _state(claim, answer, began)
        serves = serves or state == "sent"
        settled = _settle(conn, claim, state, answer)
        if answer.verdict == "fault":
            raise MailError(answer.said)
        if answer.verdict in _MAY_BE_OURS:
            denied.append(_Denied(claim, answer))
        elif settled or state == "sent":  # else the lease was lost: whoever has it now says what becomes of the mail
            yield Outcome(claim.digest_id, claim.serial, claim.address, state, answer.said, claim.tries)
        silences = silences + 1 if answer.timed_out else 0
        if silences == SILENCES:
            advice = "check WHOCHANGED_SMTP_URL, and that the server runs"
            raise MailError(f"{server} does not answer ({answer.said}), all that is left waits: {advice}")
    yield from _judged(conn, server, denied, began)


def waiting(conn: psycopg.Connection[Any], *, at_once: bool = False) -> list[Waiting]:
    """Return the deliveries that the next run would try."""
    with conn.cursor(row_factory=class_row(Waiting)) as cursor:
        found = cursor.execute(query("delivery_waiting"), {"at_once": at_once}).fetchall()
    if at_once:
        found += [
            Waiting(each.digest_id, each.serial, each.goes_to, "parked", each.tries, each.answer)
            for each in parked(conn)
        ]
    return found


def _begin(conn: psycopg.Connection[Any], *, at_once: bool) -> datetime:
    """Return when the run begins, by the database's clock; put aside what nobody is to get any more."""
    with conn.transaction():
        began = clock(conn)
        conn.execute(query("delivery_park_removed"))
        if at_once:
            conn.execute(query("delivery_hasten"), {"began": began})
            unpark(conn, began=began)
    return began


def _claim(
    conn: psycopg.Connection[Any], began: datetime, seconds: float, passed: list[int], *, at_once: bool
) -> _Claim | None:
    which = {"began": began, "seconds": seconds, "passed": passed, "at_once": at_once}
    with conn.transaction(), conn.cursor(row_factory=class_row(_Claim)) as cursor:
        return cursor.execute(query("delivery_claim"), which).fetchone()


def _may_go(conn: psycopg.Connection[Any], claim: _Claim, asking: Asking) -> bool:
    """Return whether a claimed delivery may be sent, as of now; else put it back, as if nobody had claimed it.

    Where the address is that of nobody who may get it, and the recipient's own of today is, it goes there next time.
    """
    try:
        admins = asking.now()
    except ConfigurationError:
        _put_back(conn, claim, claim.address, wait=timedelta())
        raise
    if admins.may_get(claim.address, claim.accounts):
        return True
    own = address_now(claim.email)
    now = own if own and admins.may_get(own, claim.accounts) else claim.address
    _put_back(conn, claim, now, wait=timedelta() if now != claim.address else LOOK_AGAIN)
    return False


def _put_back(conn: psycopg.Connection[Any], claim: _Claim, address: str, *, wait: timedelta) -> None:
    values = {
        "digest_id": claim.digest_id,
        "address": claim.address,
        "lease": claim.lease,
        "now": address,
        "wait": wait.total_seconds(),
    }
    with conn.transaction():
        conn.execute(query("delivery_put_back"), values)


def _settle(conn: psycopg.Connection[Any], claim: _Claim, state: State, answer: Answer) -> bool:
    """Write down what became of a try; return whether it was still ours to say."""
    wait = BACK_OFF[min(claim.tries, len(BACK_OFF)) - 1]
    values = {
        "digest_id": claim.digest_id,
        "address": claim.address,
        "lease": claim.lease,
        "state": state,
        "answer": answer.said,
        "wait": wait.total_seconds(),
    }
    with conn.transaction() as transaction:
        # The recipient before the delivery, as whoever cuts or changes one takes them: nobody waits for another in a circle.
        if state == "parked":
            note_bounce(conn, claim.recipient_id, claim.address, answer)
        elif state == "sent":
            note_taken(conn, claim.recipient_id, claim.address)
        settled = conn.execute(query("delivery_settle"), values).rowcount > 0
        if not settled:
            raise psycopg.Rollback(transaction)
    return settled


def _judged(
    conn: psycopg.Connection[Any], server: MailServer, denied: list[_Denied], began: datetime
) -> Iterator[Outcome]:
    """Park what the server denies to a recipient alone, and yield it; raise MailError for what may be a fault of ours."""
    ours: list[_Denied] = []
    for one in denied:
        claim, answer = one.claim, one.answer
        if not _given_up(conn, one, began):
            ours.append(one)
            continue
        with conn.transaction() as transaction:
            note_bounce(conn, claim.recipient_id, claim.address, answer)
            mail = {"digest_id": claim.digest_id, "address": claim.address, "tries": claim.tries}
            given_up = conn.execute(query("delivery_park_denied"), mail).rowcount > 0
            if not given_up:
                raise psycopg.Rollback(transaction)
        if given_up:
            yield Outcome(claim.digest_id, claim.serial, claim.address, "parked", answer.said, claim.tries)
    if ours:
        advice = "check user and password in WHOCHANGED_SMTP_URL, and whether the server relays for this machine"
        others = f" and {len(ours) - 1} more" if len(ours) > 1 else ""
        address, said = ours[0].claim.address, ours[0].answer.said
        raise MailError(f"{server} does not take mails for {address}{others} from us ({said}): {advice}")


def _given_up(conn: psycopg.Connection[Any], one: _Denied, began: datetime) -> bool:
    """Return whether a denial is the recipient's own, and no fault of our configuration.

    A server that took another mail since this digest was cut serves us: then a policy (5.7.1) is this recipient's. What speaks of
    relaying or a login may still be ours, as where only mails to the server's own domain are taken: that gets a day. Where nothing
    was taken, a policy gets a day too; relaying and login are our fault for as long as it lasts, and nothing is given up.
    """
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query("delivery_taken_since"), {"since": one.claim.cut_at}).fetchone()
    served = bool(row and row[0])
    policy = one.answer.verdict == "denied"
    if served and policy:
        return True
    long = began - one.claim.cut_at >= DENIED_FOR and one.claim.tries >= DENIED_TRIES
    return long and (served or policy)


def _state(claim: _Claim, answer: Answer, began: datetime) -> State:
    """Return what a delivery is after a try. A fault of the configuration is no reason to give a delivery up."""
    if answer.verdict == "sent":
        return "sent"
    if answer.verdict == "refused":
        return "parked"
    too_old = began - claim.cut_at >= GIVE_UP and claim.tries >= LEAST_TRIES
    return "parked" if too_old and answer.verdict == "again" else "retry"


def _sender(message: bytes) -> str:
    """Return the address that a frozen message comes from."""
    header = BytesHeaderParser(policy=SMTP).parsebytes(message)["From"]
    address: str = header.addresses[0].addr_spec
    return address
