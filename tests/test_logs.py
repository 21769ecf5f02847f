"""Logs: text for people, JSON for collectors, the same events in both, and nobody's address in either."""

from __future__ import annotations

import io
import json
import logging
import signal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.digests import ANA, BEN, add, rename
from tests.fix_smtp import Mailbox
from tests.processes import running
from tests.test_metrics import fetch
from whochanged.logs import set_up

Connection = psycopg.Connection[Any]

pytestmark = [pytest.mark.one_server, pytest.mark.usefixtures("loggers_as_before")]


def test_text_is_a_line_and_json_an_object() -> None:
    for kind in ("text", "json"):
        stream = io.StringIO()
        set_up(kind, stream)
        logging.getLogger("reports.x").warning("no %s\n\x1b[31m", "room", extra={"event": "full", "job": "purge"})
        line = stream.getvalue()
        assert line.count("\n") == 1
        assert "\x1b" not in line
        if kind == "json":
            told = json.loads(line)
            assert list(told)[:4] == ["time", "level", "logger", "event"]
            assert told["time"].endswith("Z")
            assert (told["event"], told["job"], told["message"]) == ("full", "purge", "no room\n\x1b[31m")


def test_a_traceback_is_part_of_its_object() -> None:
    stream = io.StringIO()
    set_up("json", stream)
    try:
        1 / 0  # noqa: B018 - wanted for what it raises
    except ZeroDivisionError:
        logging.getLogger("reports.x").exception("failed")
    (line,) = stream.getvalue().splitlines()
    assert "ZeroDivisionError: division by zero" in json.loads(line)["exc_info"]


def test_the_scheduler_logs_events_with_numbers_and_no_addresses(
    crm_dsn: str, crm_conn: Connection, mailbox: Mailbox, tmp_path: Path
) -> None:
    # Without alerts: the digests' run would send those that wait too, and count them.
    add(crm_conn, ANA, alerts=False)
    add(crm_conn, BEN, alerts=False)
    rename(crm_conn, "Europe")
    mailbox.refusals = {BEN: f"450 4.2.1 {BEN} is busy"}
    secret = tmp_path / "smtp"
    secret.write_text(mailbox.url() + "\n")
    environment = {
        "WHOCHANGED_LOG_FORMAT": "json",
        "WHOCHANGED_SMTP_URL_FILE": str(secret),
        "WHOCHANGED_MAIL_FROM": "audit@example.com",
        "WHOCHANGED_METRICS_ADDRESS": "127.0.0.1:0",
    }
    with running(crm_dsn, environment) as process:
        process.says('"job": "digest", "duration_seconds"')
        told = [json.loads(line) for line in process.lines]
        (port,) = (line["port"] for line in told if line["event"] == "metrics")
        assert fetch(port, "/healthz")[0] == 200
        assert "whochanged_scheduler_leads 1.0" in fetch(port, "/metrics")[1]
        process.signal(signal.SIGTERM)
        assert process.ends() == 0
    told = [json.loads(line) for line in process.lines]
    events = [line["event"] for line in told]
    assert {"leading", "job_done", "digest_cut", "mail_sent", "mail_retry", "stopped"} <= set(events)
    sent = next(line for line in told if line["event"] == "mail_sent")
    assert (sent["recipient"], sent["tries"], sent["level"]) == (1, 1, "info")
    done = next(line for line in told if line["event"] == "job_done" and line["job"] == "digest")
    assert done["numbers"] == {"cut": 2, "sent": 1, "retry": 1, "parked": 0}
    assert done["duration_seconds"] > 0
    assert "@example.com" not in "".join(process.lines)
