"""The demo's working day: every documented kind, by people, by the product and by someone in psql."""

from __future__ import annotations

import json
from email.parser import BytesParser
from email.policy import SMTP
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fix_postgres import TestServer, login
from whochanged.cli import run
from whochanged.commands.demo import DATABASE
from whochanged.demo import read_day
from whochanged.demo_readers import OLD_DAYS

pytestmark = pytest.mark.ends

KINDS = {
    kind["kind"]: kind
    for kind in json.loads((Path(__file__).parent / "data" / "documented_kinds.json").read_text(encoding="utf-8"))
}


OWN = "Audit log"
"""The module of the log's own changes: those who get digests, the purge."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder that the demo keeps its digests in."""
    monkeypatch.setenv("WHOCHANGED_HOME", str(tmp_path))
    return tmp_path


def _demo(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[list[dict[str, Any]], str]:
    code = run(["demo", "--json", *arguments])
    said = capsys.readouterr()
    assert code == 0, said.err
    return [json.loads(line) for line in said.out.splitlines()], said.err


def test_the_day_names_every_documented_kind() -> None:
    assert {kind for save in read_day().saves for kind in save.kinds} == set(KINDS)


def test_the_day_runs_forward() -> None:
    times = [save.at for save in read_day().saves]
    assert times == sorted(times)


@pytest.fixture
def entries(server: TestServer, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Give the entries of a demo's day on each server, newest first."""
    found, _ = _demo(capsys, "--dsn", server.dsn(), "--timezone", "Europe/Berlin")
    return [entry for entry in found if entry["module"] != OWN]


def test_the_log_of_the_day_is_what_the_day_says(entries: list[dict[str, Any]]) -> None:
    told = [(save.actor, set(save.kinds)) for save in read_day().saves]
    logged = [
        (entry["actor"] if entry["actor_kind"] == "user" else None, set(entry["kinds"])) for entry in reversed(entries)
    ]
    assert logged == told


def test_types_and_modules_are_those_of_the_page(entries: list[dict[str, Any]]) -> None:
    shown = {kind: (entry["type"], entry["module"]) for entry in entries for kind in entry["kinds"]}
    assert shown == {name: (kind["type"], kind["module"]) for name, kind in KINDS.items()}


def test_several_people_the_product_and_psql_act(entries: list[dict[str, Any]]) -> None:
    actors = {(entry["actor"], entry["actor_kind"]) for entry in entries}
    assert {("System", "system"), ("dana_dba", "database")} < actors
    assert len([kind for _, kind in actors if kind == "user"]) == 5
    marked = {entry["source"]["database_user"] for entry in entries if entry["actor_trust"] == "claimed"}
    assert marked == {"cloudfon_report"}
    assert all(entry["ip"] and entry["source"]["request_id"] for entry in entries if entry["actor_kind"] == "user")


@pytest.mark.one_server
def test_it_runs_again(server: TestServer, capsys: pytest.CaptureFixture[str]) -> None:
    first, _ = _demo(capsys, "--dsn", server.dsn())
    second, talk = _demo(capsys, "--dsn", server.dsn())
    days = [[entry["descriptions"] for entry in found if entry["module"] != OWN] for found in (first, second)]
    assert days[0] == days[1]
    assert f"dbname={DATABASE}" in talk


@pytest.mark.one_server
def test_the_digests_reach_their_readers_and_stand_in_files(
    server: TestServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A reader of one account is told of that account and of no other."""
    _, talk = _demo(capsys, "--dsn", server.dsn(), "--timezone", "Europe/Berlin", "--out", str(tmp_path / "mails"))
    assert str(tmp_path / "mails") in talk
    ana, olga = (
        BytesParser(policy=SMTP).parsebytes((tmp_path / "mails" / f"{name}.eml").read_bytes())
        for name in ("ana", "olga")
    )
    assert (ana["To"], olga["To"]) == ("Ana Admin <ana@acme.test>", "Olga Petrova <olga@globex.test>")
    texts = [(tmp_path / "mails" / f"{name}.txt").read_text(encoding="utf-8") for name in ("ana", "olga")]
    assert "Requested account cancellation" in texts[0]
    assert "Requested account cancellation" not in texts[1]
    assert (tmp_path / "mails" / "ana.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    with psycopg.connect(server.dsn(DATABASE)) as connection:
        sent = connection.execute("SELECT address, state FROM audit.delivery ORDER BY address").fetchall()
    assert sent == [("ana@acme.test", "sent"), ("olga@globex.test", "sent")]


@pytest.mark.one_server
def test_old_changes_are_purged_by_the_job_of_the_scheduler(
    server: TestServer, capsys: pytest.CaptureFixture[str]
) -> None:
    found, talk = _demo(capsys, "--dsn", server.dsn())
    assert f"Purged {len(OLD_DAYS)} days" in talk
    assert [entry["kinds"] for entry in found if entry["entity"] == "purge"] == [["log.purged"]]
    with psycopg.connect(server.dsn(DATABASE)) as connection:
        runs = connection.execute("SELECT job, outcome FROM audit.job_run ORDER BY job").fetchall()
        oldest = connection.execute("SELECT min(at) > now() - interval '2160 hours' FROM audit.all_change").fetchone()
    assert runs == [("digest", "done"), ("purge", "done")]
    assert oldest == (True,)


@pytest.mark.one_server
def test_status_is_sound_after_it(server: TestServer, capsys: pytest.CaptureFixture[str]) -> None:
    _demo(capsys, "--dsn", server.dsn())
    assert run(["status", "--dsn", server.dsn(DATABASE)]) == 0


@pytest.mark.one_server
def test_a_database_that_holds_something_else_is_left_alone(
    server: TestServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", DATABASE)
    server.execute("CREATE DATABASE {}", DATABASE)
    try:
        with psycopg.connect(server.dsn(DATABASE)) as connection:
            connection.execute("CREATE TABLE precious (id int)")
        assert run(["demo", "--dsn", server.dsn()]) == 2
        assert "holds something else" in capsys.readouterr().err
        with psycopg.connect(server.dsn(DATABASE)) as connection:
            connection.execute("SELECT FROM precious")
    finally:
        server.execute("DROP DATABASE {} WITH (FORCE)", DATABASE)


@pytest.mark.one_server
def test_who_is_no_superuser_is_told_so(server: TestServer, capsys: pytest.CaptureFixture[str]) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS plain_login")
        connection.execute("CREATE ROLE plain_login LOGIN")
    assert run(["demo", "--dsn", login(server.dsn(), "plain_login")]) == 4
    assert "superuser" in capsys.readouterr().err


@pytest.mark.one_server
def test_dry_run_connects_to_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--dry-run", "--dsn", "host=/nowhere"]) == 0
    assert "Would fill" in capsys.readouterr().err
