"""Pooled connections: an actor ends with its transaction, however that ends, and never reaches the next user."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool
from sqlalchemy import Connection as SqlConnection
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from capture.context import actor
from capture.errors import UsageError
from capture.signing import SigningKey
from capture.trust import add_gateway, add_key
from tests.fix_actors import facts, logins, role_of, told, write

pytestmark = pytest.mark.ends

Connection = psycopg.Connection[Any]
Pool = ConnectionPool[Connection]


@pytest.fixture
def address(conn: Connection, dsn: str) -> Iterator[str]:
    """Give the address of a trusted application that may write the tracked table t."""
    with logins(conn, dsn, "crm_app") as addresses:
        add_gateway(conn, role_of(addresses["crm_app"]))
        yield addresses["crm_app"]


@pytest.fixture
def pool(address: str) -> Iterator[Pool]:
    """Give a pool of one connection, so that the next user gets that of the one before."""
    with ConnectionPool(address, min_size=1, max_size=1, open=True, timeout=20) as pool:
        yield pool


def backend(connection: Connection) -> int:
    """Return the server process of a connection."""
    return connection.info.backend_pid


class BrokenError(Exception):
    """What goes wrong in an application."""


def _commit(connection: Connection) -> None:
    with actor(connection, "Ana Admin", ip="198.51.100.7"):
        write(connection)


def _roll_back(connection: Connection) -> None:
    with connection.transaction(force_rollback=True), actor(connection, "Ana Admin", ip="198.51.100.7"):
        write(connection)


def _roll_back_by_hand(connection: Connection) -> None:
    connection.execute("select 1")
    with actor(connection, "Ana Admin", ip="198.51.100.7"):
        write(connection)
    connection.rollback()


def _break(connection: Connection) -> None:
    with actor(connection, "Ana Admin", ip="198.51.100.7"):
        write(connection)
        raise BrokenError


def _break_in_open_transaction(connection: Connection) -> None:
    connection.execute("select 1")
    with actor(connection, "Ana Admin", ip="198.51.100.7"):
        connection.execute("select 1 / 0")


def _leave_open(connection: Connection) -> None:
    connection.execute("select 1")
    with actor(connection, "Ana Admin", ip="198.51.100.7"):
        connection.execute("select 1")


def _roll_back_to_savepoint(connection: Connection) -> None:
    with connection.transaction():
        with connection.transaction(force_rollback=True), actor(connection, "Ana Admin"):
            write(connection)
        write(connection, "after the savepoint")


ENDS: dict[str, Callable[[Connection], None]] = {
    "commit": _commit,
    "rollback": _roll_back,
    "rollback by hand": _roll_back_by_hand,
    "exception": _break,
    "error in an open transaction": _break_in_open_transaction,
    "returned with the transaction open": _leave_open,
    "rollback to a savepoint": _roll_back_to_savepoint,
}


@pytest.mark.parametrize("autocommit", [False, True])
@pytest.mark.parametrize("end", ENDS.values(), ids=[name.replace(" ", "_") for name in ENDS])
def test_the_next_user_of_a_psycopg_pool_is_not_the_one_before(
    conn: Connection, address: str, end: Callable[[Connection], None], autocommit: bool
) -> None:
    with ConnectionPool(
        address, min_size=1, max_size=1, open=True, kwargs={"autocommit": autocommit}, timeout=20
    ) as pool:
        with pool.connection() as connection:
            before = backend(connection)
        with suppress(BrokenError, psycopg.errors.DivisionByZero), pool.connection() as connection:
            end(connection)
        with pool.connection() as connection:
            assert backend(connection) == before
            write(connection, "by nobody")
        last = told(conn)[-1]
    assert last == (role_of(address), "vouched")
    kept = end is _commit or (autocommit and end is _roll_back_by_hand)  # which then has nothing to roll back
    assert [row for row in told(conn) if row != last] == ([("Ana Admin", "vouched")] if kept else [])


def test_the_next_user_after_a_killed_connection_is_nobody(conn: Connection, address: str, pool: Pool) -> None:
    def killed() -> None:
        with pool.connection() as connection, actor(connection, "Ana Admin"):
            write(connection)
            conn.execute("select pg_terminate_backend(%s, 10000)", (backend(connection),))
            write(connection)

    with pytest.raises(psycopg.OperationalError):
        killed()
    pool.check()
    with pool.connection() as connection:
        write(connection)
    assert told(conn) == [(role_of(address), "vouched")]


def test_clients_that_share_one_backend_between_transactions_keep_their_own_actors(
    conn: Connection, address: str, pool: Pool
) -> None:
    """As behind PgBouncer's transaction pooling: the backend goes from client to client with each transaction."""
    key = add_key(conn, "k")
    backends = set()

    def client(number: int) -> None:
        for turn in range(10):
            with pool.connection() as connection:
                backends.add(backend(connection))
                if number == 0:
                    write(connection, "nobody")
                elif turn % 3 == 2:
                    with pytest.raises(BrokenError), actor(connection, f"Client {number}"):
                        raise BrokenError
                else:
                    with actor(connection, f"Client {number}", key=key if turn % 3 else None, request_id=f"{number}"):
                        write(connection, f"Client {number}")

    threads = [threading.Thread(target=client, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(backends) == 1
    found = conn.execute(
        "select new ->> 'n', actor, context ->> 'request_id' from audit.log where table_name = 'public.t'"
    )
    rows = found.fetchall()
    assert len(rows) == 10 + 4 * 7
    assert [
        row for row in rows if row[1:] != ((role_of(address), None) if row[0] == "nobody" else (row[0], row[0][-1]))
    ] == []
    assert {trust for _, trust in told(conn)} == {"vouched"}


def test_an_actor_set_for_the_session_leaks_to_the_next_user(conn: Connection, pool: Pool) -> None:
    """What the helpers never do, and nobody should: the log cannot tell it from what the next user says."""
    with pool.connection() as connection:
        connection.execute("set audit.actor = 'Ana Admin'")
    with pool.connection() as connection:
        write(connection)
    assert told(conn) == [("Ana Admin", "vouched")]


def test_a_signature_set_for_the_session_does_not_leak(conn: Connection, address: str, pool: Pool) -> None:
    """It is of one transaction: the next one is a claim with a bad signature."""
    key = SigningKey.parse(add_key(conn, "k"))
    with pool.connection() as connection:
        signature = key.sign("Ana Admin", "", **facts(connection))
        connection.execute(
            "select set_config('audit.actor', 'Ana Admin', false), set_config('audit.signature', %s, false)",
            (signature,),
        )
        write(connection)
    with pool.connection() as connection:
        write(connection)
    assert told(conn) == [
        ("Ana Admin", "vouched"),
        (f"Ana Admin (claimed by {role_of(address)}, signature invalid)", "claimed"),
    ]


@pytest.mark.parametrize("reset", ["RESET ALL", "DISCARD ALL"])
def test_a_pool_that_resets_its_connections_has_no_leak(conn: Connection, address: str, reset: str) -> None:
    """The callback is that of docs/actors.md; PgBouncer's server_reset_query is DISCARD ALL."""

    def forget(connection: Connection) -> None:
        connection.autocommit = True
        connection.execute(reset.encode())
        connection.autocommit = False

    with ConnectionPool(address, min_size=1, max_size=1, open=True, reset=forget, timeout=20) as pool:
        with pool.connection() as connection:
            connection.execute("set audit.actor = 'Ana Admin'; set audit.context = '{\"ip\": \"198.51.100.7\"}'")
        with pool.connection() as connection:
            write(connection)
    assert told(conn) == [(role_of(address), "vouched")]


def test_the_helper_is_not_misled_by_what_the_session_says(conn: Connection, pool: Pool) -> None:
    """What was there before the transaction that it opens is somebody else's: name, address and request."""
    with pool.connection() as connection:
        connection.execute(
            'set audit.actor = \'Ana Admin\'; set audit.context = \'{"ip": "198.51.100.7", "request_id": "r1"}\''
        )
    with pool.connection() as connection, actor(connection, "Ben Ito", ip="203.0.113.9"):
        write(connection)
    with pool.connection() as connection, actor(connection, "Ben Ito"):
        write(connection)
    with pool.connection() as connection:
        connection.execute("select 1")
        with pytest.raises(UsageError, match="already 'Ana Admin'"), actor(connection, "Ben Ito"):
            pass
    assert told(conn) == [("Ben Ito", "vouched")] * 2
    contexts = conn.execute("select context from audit.log where table_name = 'public.t' order by id").fetchall()
    assert contexts == [({"ip": "203.0.113.9"},), (None,)]


@pytest.fixture
def engine(address: str) -> Iterator[Engine]:
    """Give an engine whose pool has one connection."""
    words = psycopg.conninfo.conninfo_to_dict(address)
    engine = create_engine("postgresql+psycopg://", connect_args=words, pool_size=1, max_overflow=0)
    yield engine
    engine.dispose()


INSERT = text("insert into t (n) values ('x')")


def _sql_commit(connection: SqlConnection) -> None:
    with actor(connection, "Ana Admin"):
        connection.execute(INSERT)


def _sql_close(connection: SqlConnection) -> None:
    connection.execute(text("select 1"))
    with actor(connection, "Ana Admin"):
        connection.execute(INSERT)


def _sql_roll_back(connection: SqlConnection) -> None:
    _sql_close(connection)
    connection.rollback()


def _sql_break(connection: SqlConnection) -> None:
    with actor(connection, "Ana Admin"):
        connection.execute(text("select 1 / 0"))


@pytest.mark.parametrize("end", [_sql_commit, _sql_close, _sql_roll_back, _sql_break])
def test_the_next_user_of_sqlalchemys_pool_is_not_the_one_before(
    conn: Connection, address: str, engine: Engine, end: Callable[[SqlConnection], None]
) -> None:
    process = text("select pg_backend_pid()")
    try:
        with engine.connect() as connection:
            end(connection)
    except DBAPIError:
        assert end is _sql_break
    with engine.begin() as connection:
        connection.execute(INSERT)
        first = connection.execute(process).scalar()
    with Session(engine) as session, session.begin():
        session.execute(INSERT)
        assert session.execute(process).scalar() == first
    nobody = (role_of(address), "vouched")
    assert told(conn) == [*([("Ana Admin", "vouched")] if end is _sql_commit else []), nobody, nobody]


def test_a_connection_of_sqlalchemy_that_commits_by_itself_is_refused(conn: Connection, engine: Engine) -> None:
    """The actor would be gone before the first write, and the change would be the role's."""
    with engine.connect() as plain:
        of_connection = plain.execution_options(isolation_level="AUTOCOMMIT")
        with pytest.raises(UsageError, match="AUTOCOMMIT"), actor(of_connection, "Ana Admin"):
            of_connection.execute(INSERT)
    committing = engine.execution_options(isolation_level="AUTOCOMMIT")
    with (
        committing.connect() as of_engine,
        pytest.raises(UsageError, match="AUTOCOMMIT"),
        actor(of_engine, "Ana Admin"),
    ):
        of_engine.execute(INSERT)
    assert told(conn) == []


def test_sqlalchemys_pool_can_reset_its_connections_too(conn: Connection, address: str, engine: Engine) -> None:
    """The listener is that of docs/actors.md."""

    @event.listens_for(engine, "reset")
    def forget(connection: Any, _record: Any, _state: Any) -> None:
        connection.rollback()
        connection.execute("RESET ALL")
        connection.commit()

    with engine.begin() as connection:
        connection.execute(text("set audit.actor = 'Ana Admin'"))
    with engine.begin() as connection:
        connection.execute(INSERT)
    assert told(conn) == [(role_of(address), "vouched")]
