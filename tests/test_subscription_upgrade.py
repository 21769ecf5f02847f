"""Subscriptions of an earlier version go on as they were, and nothing of the upgrade is told as a change."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from capture.entries.describe import entries
from capture.install import install, install_script
from capture.resources import MIGRATIONS
from reports import recipients
from tests.digests import ANA, BEN, CATALOGUE, add, cut, due_again, rename, told

Connection = psycopg.Connection[Any]

pytestmark = pytest.mark.one_server

BACK = """
alter table audit.recipient drop column alerts, drop column language, drop column sensitivity, drop column accounts,
  drop column paused_reason, drop column bounced_at, drop column bounce, drop column soft_bounces, drop column no_admin_since,
  drop column unsubscribe_token, drop constraint recipient_cadence_check;
alter table audit.recipient add constraint recipient_cadence_check check (cadence in ('daily', 'weekly'));
alter table audit.digest drop column accounts, drop constraint digest_cadence_check;
alter table audit.digest add constraint digest_cadence_check check (cadence in ('daily', 'weekly', 'now'));
update audit.alembic_version set version_num = '0004';
"""
MIGRATION = MIGRATIONS / "sql" / "0005_1_subscription.sql"


@pytest.mark.parametrize("how", ["install", "script"])
def test_an_upgrade_keeps_every_subscription(crm_conn: Connection, how: str) -> None:
    conn = crm_conn
    add(conn, ANA, accounts=["1"], timezone="Europe/Berlin", cadence="weekly", weekday=5, modules=["Territories"])
    add(conn, BEN)
    recipients.pause(conn, BEN)
    rename(conn, "Europa")
    cut(conn, now=True)
    before = {one.email: one for one in recipients.read(conn)}
    told_before = [entry.descriptions for entry in entries(conn, CATALOGUE)]
    conn.execute(BACK)
    if how == "install":
        install(conn)
    else:
        script = install_script().replace("\\set ON_ERROR_STOP on", "")
        conn.execute(script.encode())
        conn.execute(script.encode())  # it may be run again
    after = {one.email: one for one in recipients.read(conn)}
    for email, one in after.items():
        was = before[email]
        # Who asked for digests asked for no alerts; a link is new, since there was none.
        assert (one.alerts, one.language, one.sensitivity, one.held) == (False, "en", "low", was.held)
        assert (one.accounts, one.modules, one.schedule, one.begin) == (
            was.accounts,
            was.modules,
            was.schedule,
            was.begin,
        )
        assert one.unsubscribe_token != was.unsubscribe_token
    assert [entry.descriptions for entry in entries(conn, CATALOGUE)] == told_before
    assert conn.execute("SELECT accounts FROM audit.digest").fetchall() == [(["1"],)]
    assert recipients.add(conn, CATALOGUE, "eve@example.com").alerts
    recipients.change(conn, CATALOGUE, ANA, {"cadence": "hourly"})
    rename(conn, "Europe")
    due_again(conn)
    assert [made.cadence for made in cut(conn)] == ["hourly"]
    assert told(conn, "Europe") == 1


def test_the_migration_may_run_again(conn: Connection) -> None:
    add(conn, ANA)
    before = recipients.read(conn)
    conn.execute(f"begin; {MIGRATION.read_text(encoding='utf-8')}; commit".encode())
    assert recipients.read(conn) == before
