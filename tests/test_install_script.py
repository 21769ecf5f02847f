"""The printed script: it does all or nothing, whichever way psql runs it, on every version."""

from __future__ import annotations

import subprocess

import pytest

from tests.fix_postgres import TestServer
from tests.test_install_refused import Connection, shop, untouched
from whochanged.cli import run

pytestmark = pytest.mark.ends

__all__ = ["shop"]


@pytest.mark.parametrize(
    "how", [["-f", "-"], ["-1", "-f", "-"], [], ["-v", "ON_ERROR_STOP=0"], ["-v", "AUTOCOMMIT=off"]]
)
def test_the_printed_script_runs_in_psql_any_way(
    server: TestServer, empty_dsn: str, how: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sql", "install"]) == 0
    script = capsys.readouterr().out
    program = [str(server.process.programs / "psql"), "-X", "-q", "-d", empty_dsn, *how]
    subprocess.run(program, input=script, text=True, check=True, capture_output=True)
    assert run(["status", "--dsn", empty_dsn]) == 0


@pytest.mark.parametrize("how", [[], ["-1", "-f", "-"], ["-v", "ON_ERROR_STOP=0"], ["-v", "ON_ERROR_ROLLBACK=on"]])
def test_the_printed_script_does_all_or_nothing(
    server: TestServer, shop: Connection, empty_dsn: str, how: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sql", "install"]) == 0
    script = capsys.readouterr().out.replace("commit;", "select 1/0;\ncommit;")
    program = [str(server.process.programs / "psql"), "-X", "-q", "-d", empty_dsn, *how]
    done = subprocess.run(program, input=script, text=True, check=False, capture_output=True)
    assert done.returncode == 3
    assert untouched(shop)


def test_the_script_says_how_it_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sql", "install"]) == 0
    assert "-- Run it with:  psql -X -f install.sql DATABASE" in capsys.readouterr().out.splitlines()[:3]
