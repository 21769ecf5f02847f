"""Metrics: what Prometheus reads is the health, also when there is none, and nobody's name is in it."""

from __future__ import annotations

import json
import re
import threading
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from reports.metrics import Looking, exposition, serving
from tests.commands import Capture, refused, said
from tests.digests import ANA, add, cut, rename

Connection = psycopg.Connection[Any]
NAMES = Path(__file__).resolve().parent.parent / "docs" / "operations.md"

pytestmark = pytest.mark.one_server


def read(text: str) -> dict[str, float]:
    """Return the samples of an exposition, by their names and labels."""
    return {
        sample.name + "".join(f"{{{value}}}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def looking(dsn: str) -> Looking:
    """Return what looks at the health of a database."""
    return Looking(lambda: psycopg.connect(dsn, autocommit=True))


def fetch(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    """Return the status and the body of an answer."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - as above
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_metrics_tell_the_health_and_no_names(crm_dsn: str, crm_conn: Connection) -> None:
    add(crm_conn)
    rename(crm_conn, "Europe")
    cut(crm_conn)
    crm_conn.execute("UPDATE audit.digest SET cut_at = cut_at - interval '2 hours'")
    text = exposition(looking(crm_dsn)).decode()
    found = read(text)
    assert found["whochanged_up"] == 1
    assert found["whochanged_healthy"] == 0
    assert found["whochanged_problem{mails_late}{critical}"] == 1
    assert found["whochanged_deliveries{pending}"] == 1
    assert found["whochanged_delivery_oldest_seconds"] > 7000
    assert found["whochanged_partitions_ahead_days"] == 14
    assert found["whochanged_degraded_statements_total"] == 0
    assert ANA not in text
    assert "example.com" not in text


def test_every_metric_is_documented_with_its_meaning(crm_dsn: str) -> None:
    text = exposition(looking(crm_dsn)).decode()
    names = set(re.findall(r"^# TYPE (whochanged\w+) ", text, re.MULTILINE))
    documented = set(re.findall(r"`(whochanged_\w+)", NAMES.read_text(encoding="utf-8")))
    assert names <= documented
    # Alert rules may say only what is there.
    assert documented <= names | {name.removesuffix("_total") for name in names}


def test_a_database_that_is_away_is_told(caplog: pytest.LogCaptureFixture) -> None:
    away = Looking(lambda: psycopg.connect("host=/nowhere password=hunter2", connect_timeout=2))
    found = read(exposition(away).decode())
    assert found["whochanged_up"] == 0
    assert "whochanged_healthy" not in found
    assert any("health cannot be told" in line for line in caplog.messages)
    assert "hunter2" not in caplog.text


def test_they_are_served_with_healthz(crm_dsn: str, crm_conn: Connection) -> None:
    with serving(looking(crm_dsn), "127.0.0.1", 0) as port:
        status, text = fetch(port, "/metrics")
        assert (status, read(text)["whochanged_up"]) == (200, 1)
        assert fetch(port, "/healthz") == (200, '{"status": "ok", "problems": []}\n')
        assert fetch(port, "/")[0] == 404
        assert fetch(port, "/metrics", "POST")[0] == 405
    crm_conn.execute("UPDATE audit.incarnation SET since = since - interval '30 hours'")
    with serving(looking(crm_dsn), "127.0.0.1", 0) as port:
        status, text = fetch(port, "/healthz")
        assert (status, json.loads(text)["problems"]) == (503, ["partitions_overdue", "purge_overdue"])


def test_many_who_ask_at_once_cost_one_look(crm_dsn: str) -> None:
    asked = []

    def connect() -> Connection:
        asked.append(1)
        return psycopg.connect(crm_dsn, autocommit=True)

    with serving(Looking(connect), "127.0.0.1", 0) as port:
        threads = [threading.Thread(target=fetch, args=(port, "/healthz")) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(asked) < 20


def test_the_command_prints_them_or_puts_a_file_in_its_place(crm_dsn: str, capsys: Capture, tmp_path: Path) -> None:
    out, _ = said(capsys, "metrics", "--dsn", crm_dsn)
    assert read(out)["whochanged_up"] == 1
    file = tmp_path / "whochanged.prom"
    assert said(capsys, "metrics", "--out", str(file), "--dsn", crm_dsn) == ("", "")
    assert read(file.read_text())["whochanged_up"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["whochanged.prom"]
    assert file.stat().st_mode & 0o777 == 0o644


def test_the_file_says_so_when_the_database_is_away(capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "whochanged.prom"
    refused(capsys, 4, "metrics", "--out", str(file), "--dsn", "host=/nowhere")
    assert read(file.read_text())["whochanged_up"] == 0


@pytest.mark.parametrize("address", ["", "here", "1.2.3.4", "70000", "a b:1"])
def test_a_place_that_is_none_is_refused(capsys: Capture, address: str) -> None:
    assert "metrics" in refused(capsys, 3, "run", "--metrics-address", address, "--dsn", "host=/nowhere")


def test_health_is_said_in_a_glance(crm_dsn: str, crm_conn: Connection, capsys: Capture) -> None:
    out, _ = said(capsys, "health", "--dsn", crm_dsn)
    assert out.splitlines()[0] == "ok"
    with psycopg.connect(crm_dsn, application_name="month end\x1b[31m") as other:
        rename(other, "Europe")
        rename(crm_conn, "Asia", territory=2)
        out, _ = said(capsys, "health", "--dsn", crm_dsn)
        assert f"process {other.info.backend_pid}, user postgres" in out
        assert "idle in transaction" in out
        assert "\x1b" not in out
    add(crm_conn)
    out, _ = said(capsys, "health", "--json", "--dsn", crm_dsn, code=1)
    told = json.loads(out)
    assert (told["status"], [one["code"] for one in told["problems"]]) == ("critical", ["digests_overdue"])
    out, _ = said(capsys, "status", "--json", "--dsn", crm_dsn, code=1)
    assert json.loads(out)["service"]["mail"]["overdue"] == told["mail"]["overdue"]
