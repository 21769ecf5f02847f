"""Whatever the order in which transactions begin and end, each sensitive entry is told exactly once by each way."""

from __future__ import annotations

import json
import random
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from capture.entries.describe import entries
from capture.window import Watermark
from reports.alerts.requests import begin_webhook, cut_requests
from tests.alerting import ask_to_leave, delivered, look, older, rows, texts
from tests.digests import CATALOGUE, add, rename

Connection = psycopg.Connection[Any]

pytestmark = pytest.mark.one_server

STEPS = 120


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.timeout(60)
def test_each_sensitive_entry_is_told_once(crm_conn: Connection, crm_dsn: str, seed: int) -> None:
    """Six connections begin, write, commit, roll back and prepare as chance has it; looks, limits and pauses come in between."""
    chance = random.Random(seed)  # noqa: S311 - chance that comes again
    add(crm_conn)
    begin_webhook(crm_conn)
    with ExitStack() as stack:
        conns = [stack.enter_context(psycopg.connect(crm_dsn, options="-c lock_timeout=5s")) for _ in range(6)]
        prepared = _play(chance, crm_conn, conns)
        for conn in conns:
            conn.commit()
    for name in prepared:
        crm_conn.execute(f"COMMIT PREPARED '{name}'")
    crm_conn.execute("UPDATE audit.recipient SET paused = false")
    older(crm_conn, timedelta(hours=2))
    look(crm_conn)
    rename(crm_conn, "Last")
    cut_requests(crm_conn, CATALOGUE, "Cloudfon CX")
    _check(crm_conn)


def _play(chance: random.Random, crm_conn: Connection, conns: list[Connection]) -> list[str]:
    """Do what chance has in store, and return the transactions that are still prepared."""
    number, prepared, per_hour = 0, list[str](), 1000
    for _ in range(STEPS):
        conn, act = chance.choice(conns), chance.random()
        if act < 0.4:
            number += 1
            _write(conn, number, sensitive=chance.random() < 0.7)
        elif act < 0.62:
            conn.commit()
        elif act < 0.7:
            conn.rollback()
        elif act < 0.74 and conn.info.transaction_status == TransactionStatus.INTRANS:
            prepared.append(f"{crm_conn.info.dbname}-{number}-{len(prepared)}")
            conn.execute(f"PREPARE TRANSACTION '{prepared[-1]}'")
            conn.commit()
        elif act < 0.78 and prepared:
            crm_conn.execute(f"COMMIT PREPARED '{prepared.pop()}'")
        elif act < 0.82:
            crm_conn.execute("UPDATE audit.recipient SET paused = NOT paused")
        elif act < 0.86:
            per_hour = chance.choice([1, 4, 1000])
            older(crm_conn, timedelta(minutes=20))
        elif act < 0.94:
            look(crm_conn, per_hour=per_hour)
            delivered(crm_conn)
        else:
            cut_requests(crm_conn, CATALOGUE, "Cloudfon CX")
    return prepared


def _write(conn: Connection, number: int, *, sensitive: bool) -> None:
    if sensitive:
        ask_to_leave(conn, f"Reason {number}.")
    else:
        conn.execute("INSERT INTO crm.workflows (account_id, name, target) VALUES (1, %s, 'lead')", (f"W{number}",))


def _check(conn: Connection) -> None:
    sensitive = [entry for entry in entries(conn, CATALOGUE) if entry.sensitivity == "high"]
    asked = [entry for entry in sensitive if entry.entity == "cancellation request"]
    assert len(asked) > 10
    bodies = [json.loads(bytes(row[0])) for row in conn.execute("SELECT body FROM audit.webhook_request ORDER BY id")]
    posted = Counter(entry["id"] for body in bodies for entry in body["data"]["entries"])
    assert set(posted.values()) == {1}
    assert {entry.id for entry in asked} <= set(posted)
    alerts = rows(conn)
    windows = [
        (Watermark(row.first_incarnation, int(row.first_xid)), Watermark(row.next_incarnation, int(row.next_xid)))
        for row in alerts
    ]
    assert all(ended <= begun for (_, ended), (begun, _) in pairwise(windows))
    assert sum(row.entries for row in alerts) == len(sensitive)
    # Where an alert shows all that it counts, each stands in it.
    whole = all(row.entries <= 20 for row in alerts)
    said = " ".join(texts(conn))
    missing = [entry.descriptions for entry in asked if whole and said.count(entry.descriptions[0]) != 1]
    assert missing == []
