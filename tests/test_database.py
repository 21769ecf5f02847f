"""What keeps us from the database is said in one line, with what to do, and without the password."""

from __future__ import annotations

import os
import socket

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from capture.errors import DatabaseError
from tests.fix_postgres import TestServer
from whochanged import database, embedded
from whochanged.settings import load_settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep libpq's variables of the machine out of the tests."""
    for name in list(os.environ):
        if name.startswith("PG"):
            monkeypatch.delenv(name)


def refusal(dsn: str) -> str:
    """Return what `connect` says of *dsn*, which must fail."""
    with pytest.raises(DatabaseError) as caught:
        database.connect(dsn)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.exit_code == 4
    return message


def test_it_connects(empty_dsn: str) -> None:
    """A connection knows its program; one of libpq's own settings has the last word."""
    with database.connect(empty_dsn) as conn:
        assert conn.execute("SHOW application_name").fetchone() == ("whochanged",)
    with database.connect(make_conninfo(empty_dsn, application_name="mine")) as conn:
        assert conn.execute("SHOW application_name").fetchone() == ("mine",)


def test_libpq_s_own_variables_serve(monkeypatch: pytest.MonkeyPatch, empty_dsn: str) -> None:
    """With PGHOST and its like, no address of ours is needed."""
    words = conninfo_to_dict(empty_dsn)
    for name, word in (("PGHOST", "host"), ("PGUSER", "user"), ("PGDATABASE", "dbname")):
        monkeypatch.setenv(name, str(words[word]))
    with database.database_address(load_settings()) as address, database.connect(address) as conn:
        assert conn.info.dbname == words["dbname"]


def test_a_server_that_is_not_there() -> None:
    """The place is named."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        said = refusal(f"postgresql://a:hunter2@127.0.0.1:{port}/crm")
    assert said.startswith(f"cannot reach database 'crm' at 127.0.0.1, port {port}: check that the server runs")
    assert "hunter2" not in said


def test_a_socket_that_is_not_there() -> None:
    """A missing socket is a server that does not run."""
    assert "check that the server runs" in refusal("host=/nowhere/at/all dbname=crm user=a")


@pytest.mark.one_server
def test_a_database_that_is_not_there(server: TestServer) -> None:
    """The missing database is named, and how to make it."""
    said = refusal(server.dsn("no_such"))
    assert said.startswith("cannot connect to database 'no_such' at ")
    assert said.endswith("there is no such database: create it (createdb) or correct the address")


@pytest.mark.one_server
def test_a_user_that_is_not_there(server: TestServer) -> None:
    """The missing user is told from a missing database."""
    assert "there is no such user" in refusal(make_conninfo(server.dsn(), user="nobody_here"))


@pytest.mark.one_server
def test_a_wrong_password(server: TestServer) -> None:
    """A wrong and a missing password are told apart, and neither is repeated."""
    hba = server.process.data / "pg_hba.conf"
    before = hba.read_text()
    server.execute("CREATE ROLE {} LOGIN PASSWORD 'right'", "careful")
    try:
        hba.write_text(f"local all careful scram-sha-256\n{before}")
        server.execute("SELECT pg_reload_conf()")
        wrong = make_conninfo(server.dsn(), user="careful", password="hunter2")
        for _ in range(50):
            try:
                psycopg.connect(wrong).close()
            except psycopg.OperationalError:
                break
        said = refusal(wrong)
        assert "the password is wrong" in said
        assert "hunter2" not in said
        assert "a password is needed" in refusal(make_conninfo(server.dsn(), user="careful"))
    finally:
        hba.write_text(before)
        server.execute("SELECT pg_reload_conf()")
        server.execute("DROP ROLE {}", "careful")


@pytest.mark.one_server
def test_a_server_that_is_too_old(monkeypatch: pytest.MonkeyPatch, server: TestServer) -> None:
    """The server's version and the oldest that will do are both named."""
    monkeypatch.setattr(database, "OLDEST_SERVER", 990000)
    assert refusal(server.dsn()).startswith("the server is PostgreSQL 18, too old")


def test_without_any_address_the_embedded_server_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last rule: our own server, in the folder of the settings."""
    asked = []

    class Stand:
        """Stands in for the running server."""

        def __init__(self, home: object) -> None:
            asked.append(home)

        def __enter__(self) -> str:
            return "host=embedded"

        def __exit__(self, *_: object) -> None: ...

    for name in ("WHOCHANGED_DATABASE_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(database, "embedded", Stand)
    settings = load_settings()
    with database.database_address(settings) as address:
        assert address == "host=embedded"
    assert asked == [settings.home_folder]
    assert embedded.DEFAULT_MAJOR == 18
