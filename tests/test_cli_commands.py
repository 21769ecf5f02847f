"""The commands on a real database: what they print, where, and how they end."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fix_postgres import TestServer, login
from whochanged import actor
from whochanged.cli import run

pytestmark = pytest.mark.one_server
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def changed(crm_dsn: str) -> str:
    """Give the address of the CRM after three saves."""
    with psycopg.connect(crm_dsn, autocommit=True) as connection:
        for name, statement in (
            ("Ana Admin", "UPDATE crm.territories SET name = 'Europe' WHERE id = 1"),
            ("Ben Ito", "UPDATE crm.workflows SET enabled = true WHERE id = 1"),
            ("Ana Admin", "DELETE FROM crm.assignment_rule_users WHERE rule_id = 1 AND user_id = 3"),
        ):
            with actor(connection, name, ip="203.0.113.24", request_id="req-1"):
                connection.execute(statement.encode())
    return crm_dsn


def _lines(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert run([*arguments]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def _refused(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    assert run([*arguments]) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1, said.err
    assert said.err.startswith("whochanged: ")
    return said.err


def test_log_prints_sentences_newest_first(changed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["log", "--dsn", changed, "--timezone", "UTC"]) == 0
    text = capsys.readouterr().out
    assert (
        "UTC  Ana Admin (203.0.113.24)  Updated · Territories · “Europe”\n  Renamed territory “EMEA” to “Europe”"
        in text
    )
    assert text.index("Removed Mara Silva's access") < text.index("Enabled workflow") < text.index("Renamed territory")


@pytest.mark.parametrize(
    "filters,count",
    [
        ([], 3),
        (["--actor", "Ana Admin"], 2),
        (["--module", "Territories"], 1),
        (["--module", "Territories", "--module", "Workflows"], 2),
        (["--type", "updated"], 3),
        (["--type", "Deleted"], 0),
        (["--entity", "Notify owner"], 1),
        (["--account", "1"], 3),
        (["--account", "2"], 0),
        (["--search", "mara silva"], 1),
        (["--since", "1h"], 3),
        (["--until", "1h"], 0),
        (["--since", "today", "--until", "today", "--timezone", "UTC"], 3),
        (["--limit", "1"], 1),
    ],
)
def test_log_filters(changed: str, capsys: pytest.CaptureFixture[str], filters: list[str], count: int) -> None:
    assert len(_lines(capsys, "log", "--json", "--dsn", changed, *filters)) == count


def test_log_csv(changed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["log", "--csv", "--dsn", changed]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["actor"] for row in rows] == ["Ana Admin", "Ben Ito", "Ana Admin"]
    assert all(row["at"].endswith("Z") for row in rows)


def test_an_empty_log_says_so_beside_the_data(crm_dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["log", "--dsn", crm_dsn]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "The log is empty" in said.err


def test_show_by_id(changed: str, capsys: pytest.CaptureFixture[str]) -> None:
    entry = _lines(capsys, "log", "--json", "--module", "Territories", "--dsn", changed)[0]
    assert _lines(capsys, "show", entry["id"], "--json", "--dsn", changed) == [entry]
    assert run(["show", entry["id"], "--dsn", changed]) == 0
    text = capsys.readouterr().out
    assert "name  EMEA → Europe" in text
    assert entry["id"] in text


def test_history_of_a_row(changed: str, capsys: pytest.CaptureFixture[str]) -> None:
    (entry,) = _lines(capsys, "history", "crm.territories", "1", "--json", "--dsn", changed)
    assert entry["kinds"] == ["territory.name_updated"]
    (entry,) = _lines(capsys, "history", "crm.assignment_rule_users", "1,3", "--json", "--dsn", changed)
    assert entry["kinds"] == ["rule.user_access_removed"]
    key = '{"user_id": 3, "rule_id": 1}'
    assert _lines(capsys, "history", "crm.assignment_rule_users", key, "--json", "--dsn", changed) == [entry]


def test_install_twice_then_uninstall(empty_dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["install", "--dsn", empty_dsn]) == 0
    capsys.readouterr()
    assert run(["install", "--dsn", empty_dsn]) == 0
    assert "up to date" in capsys.readouterr().err
    assert run(["uninstall", "--dry-run", "--dsn", empty_dsn]) == 0
    assert run(["log", "--dsn", empty_dsn]) == 0
    assert run(["uninstall", "--dsn", empty_dsn]) == 0
    with psycopg.connect(empty_dsn) as connection:
        assert connection.execute("SELECT to_regnamespace('audit')").fetchone() == (None,)


def test_install_dry_run_does_nothing(empty_dsn: str) -> None:
    assert run(["install", "--dry-run", "--dsn", empty_dsn]) == 0
    with psycopg.connect(empty_dsn) as connection:
        assert connection.execute("SELECT to_regnamespace('audit')").fetchone() == (None,)


def test_install_stores_what_the_environment_says(
    crm_dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WHOCHANGED_PRODUCT_ROLES", "app, jobs")
    assert run(["status", "--dsn", crm_dsn]) == 1
    assert "run  whochanged install  to store it" in capsys.readouterr().out
    assert run(["install", "--dsn", crm_dsn]) == 0
    assert run(["status", "--dsn", crm_dsn]) == 0


def test_status_finds_a_disabled_trigger(crm_dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--dsn", crm_dsn]) == 0
    with psycopg.connect(crm_dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE crm.territories DISABLE TRIGGER USER")
    capsys.readouterr()
    assert run(["status", "--json", "--dsn", crm_dsn]) == 1
    report = json.loads(capsys.readouterr().out)
    assert [table["table_name"] for table in report["tables"] if not table["ok"]] == ["crm.territories"]


def test_partitions(crm_dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = _lines(capsys, "partitions", "--dry-run", "--json", "--days", "20", "--dsn", crm_dsn)
    after = _lines(capsys, "partitions", "--json", "--days", "20", "--dsn", crm_dsn)
    assert len(after) == len(before) + 12


def test_sql_install_runs_in_psql(server: TestServer, empty_dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sql", "install"]) == 0
    script = capsys.readouterr().out
    for _ in range(2):
        subprocess.run(
            [server.process.programs / "psql", "--quiet", "--no-psqlrc", "-d", empty_dsn, "-f", "-"],
            input=script,
            text=True,
            check=True,
            capture_output=True,
        )
    assert run(["status", "--dsn", empty_dsn]) == 0


def test_refusals_are_one_line_with_their_exit_code(
    changed: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    here = ["--dsn", changed]
    assert "is no id of an entry" in _refused(capsys, 2, "show", "nonsense", *here)
    assert "is not tracked" in _refused(capsys, 2, "history", "crm.nothing", "1", *here)
    assert "rule_id, user_id" in _refused(capsys, 2, "history", "crm.assignment_rule_users", "1", *here)
    assert "is not a time" in _refused(capsys, 2, "log", "--since", "soon", *here)
    assert "is not before" in _refused(capsys, 2, "log", "--since", "1h", "--until", "2h", *here)
    assert "exclude each other" in _refused(capsys, 2, "log", "--json", "--csv", *here)
    assert "unknown timezone" in _refused(capsys, 2, "log", "--timezone", "Mars/Base", *here)
    assert "No such option" in _refused(capsys, 2, "log", "--colour", *here)
    assert "No such command" in _refused(capsys, 2, "logs")
    _refused(capsys, 2, "log", "--limit", "0", *here)
    _refused(capsys, 3, "install", "--catalog", str(tmp_path / "none.toml"), *here)
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('name = "x"\n[[table]]\nname = "crm.territories"\nentity = "t"\nlabel = "nome"\n')
    assert "nome" in _refused(capsys, 3, "install", "--catalog", str(wrong), *here)
    assert "cannot reach" in _refused(capsys, 4, "log", "--dsn", "host=/nowhere dbname=x")
    assert "--dsn" in _refused(capsys, 2, "log", "--dsn", "mysql://x")


def test_a_database_without_the_log_says_to_install(empty_dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["log"], ["status"], ["partitions"], ["show", "x"], ["history", "a.b", "1"]):
        assert "run  whochanged install" in _refused(capsys, 4, *command, "--dsn", empty_dsn)


def test_a_role_without_rights_is_told_which(
    changed: str, server: TestServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(changed, autocommit=True) as connection:
        for role in ("cli_nobody", "cli_reader"):
            connection.execute(f"DROP ROLE IF EXISTS {role}".encode())
            connection.execute(f"CREATE ROLE {role} LOGIN".encode())
        connection.execute("GRANT audit_reader TO cli_reader")
    assert "audit_reader" in _refused(capsys, 4, "log", "--dsn", login(changed, "cli_nobody"))
    _refused(capsys, 4, "install", "--dsn", login(changed, "cli_nobody"))
    assert run(["log", "--dsn", login(changed, "cli_reader")]) == 0
    with psycopg.connect(login(changed, "cli_reader")) as connection:
        assert connection.execute("SELECT count(DISTINCT transaction_id) FROM audit.log").fetchone() == (3,)


def test_help_names_the_environment(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for flag in ("-h", "--help"):
        assert run(["log", flag]) == 0
        text = capsys.readouterr().out
        assert "WHOCHANGED_DATABASE_URL" in text
        assert "WHOCHANGED_TIMEZONE" in text


def test_a_reader_that_leaves_early_is_no_error(changed: str) -> None:
    program = [sys.executable, "-c", "from whochanged.cli import main; main()", "log", "--json", "--dsn", changed]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_a_database_of_an_older_version_asks_for_install(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Reading commands refuse it in one line; status still says what is amiss; install puts it right."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("UPDATE audit.setting SET value = '0.1.0' WHERE name = 'version'")
    assert run(["log", "--dsn", dsn]) == 3
    assert "installed by whochanged 0.1.0" in capsys.readouterr().err
    assert run(["status", "--dsn", dsn]) == 1
    assert run(["install", "--dsn", dsn]) == 0
    assert run(["log", "--dsn", dsn]) == 0


def test_install_again_keeps_the_catalogue_and_names_what_it_lost(
    dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(
            "CREATE SCHEMA shop; CREATE TABLE shop.a (id int PRIMARY KEY); CREATE TABLE shop.b (id int PRIMARY KEY)"
        )
        catalogue = tmp_path / "shop.toml"
        tables = [f'[[table]]\nname = "shop.{name}"\nentity = "{name}"\n' for name in ("a", "b")]
        catalogue.write_text("".join(tables))
        assert run(["install", "--catalog", str(catalogue), "--dsn", dsn]) == 0
        conn.execute("ALTER TABLE shop.a DISABLE TRIGGER audit_update")
        assert run(["install", "--dsn", dsn]) == 0
        assert run(["status", "--dsn", dsn]) == 0
        catalogue.write_text(tables[0])
        capsys.readouterr()
        assert run(["install", "--catalog", str(catalogue), "--dsn", dsn]) == 0
        assert "shop.b is still tracked" in capsys.readouterr().err


def test_status_of_a_log_that_was_kept_says_that_nothing_is_recorded(
    dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["uninstall", "--keep-log", "--dsn", dsn]) == 0
    capsys.readouterr()
    assert run(["status", "--dsn", dsn]) == 4
    assert "nothing is recorded any more" in capsys.readouterr().err
