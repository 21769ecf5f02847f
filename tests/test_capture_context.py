"""Who acted, in which roots and accounts, and under which names."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from capture.context import actor
from capture.errors import UsageError
from capture.install import track_table, write_catalogue_rows
from capture.middleware import ActorASGIMiddleware, ActorWSGIMiddleware, acting

Connection = psycopg.Connection[Any]


@pytest.fixture
def table(conn: Connection) -> None:
    """Give a tracked table."""
    conn.execute("create table t (id int primary key, n text)")
    track_table(conn, "public.t")


def who(conn: Connection) -> list[tuple[Any, ...]]:
    """Return who did what, in order."""
    return conn.execute("select actor, actor_kind, ip, context from audit.log order by at, id").fetchall()


@pytest.mark.usefixtures("table")
def test_actor_of_a_psycopg_connection(conn: Connection) -> None:
    with actor(conn, "Ana Admin", ip="198.51.100.7", request_id="r1"):
        conn.execute("insert into t values (1)")
    conn.execute("insert into t values (2)")
    with conn.transaction(), actor(conn, "Ben"):
        conn.execute("insert into t values (3)")
        with pytest.raises(UsageError, match="already 'Ben'"), actor(conn, "Mallory"):
            pass
    assert who(conn) == [
        ("Ana Admin", "user", "198.51.100.7", {"ip": "198.51.100.7", "request_id": "r1"}),
        ("postgres", "database", None, None),
        ("Ben", "user", None, None),
    ]


@pytest.mark.usefixtures("table")
def test_actor_of_sqlalchemy(conn: Connection, dsn: str) -> None:
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=NullPool)
    with Session(engine) as session:
        with actor(session, "Sam", reason="test"):
            session.execute(text("insert into t values (1)"))
        with session.begin():
            session.execute(text("insert into t values (2)"))
            with actor(session, "Late"):
                session.execute(text("insert into t values (3)"))
    with engine.connect() as connection, actor(connection, "Con"):
        connection.execute(text("insert into t values (4)"))
    assert [row[0] for row in who(conn)] == ["Sam", "Late", "Late", "Con"]


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("garbage", ["{", "[1]", '"x"', "nul", '{"a": "\\u0000"}', "[" * 9000, "é" * 20000])
def test_garbage_never_fails_a_write(conn: Connection, garbage: str) -> None:
    with conn.transaction():
        conn.execute(
            "select set_config('audit.context', %s, true), set_config('audit.actor', %s, true)", (garbage, "x" * 300)
        )
        conn.execute("insert into t values (1)")
    [(name, kind, _, context)] = who(conn)
    assert (name, kind) == ("x" * 256, "user")
    assert context == {"unparsed": garbage[:10000], "actor": "x" * 300}


@pytest.mark.usefixtures("table")
def test_second_actor_in_plain_sql_is_noted(conn: Connection) -> None:
    with conn.transaction():
        for name in ("", "Ana", "Mallory"):
            conn.execute("select set_config('audit.actor', %s, true)", (name,))
            conn.execute("insert into t select coalesce(max(id), 0) + 1 from t")
    assert {(row[0], tuple(row[3]["other_actors"])) for row in who(conn)} == {("Ana", ("Mallory",))}
    assert conn.execute("select count(*) from audit.log").fetchone() == (3,)


@pytest.mark.usefixtures("table")
def test_only_the_log_itself_says_that_there_were_other_actors(conn: Connection) -> None:
    forged = '{"other_actors": ["Ben"], "reason": "x"}'
    for names in (("Ana",), ("Ana", "Mallory")):
        with conn.transaction():
            conn.execute("select set_config('audit.context', %s, true)", (forged,))
            for name in names:
                conn.execute("select set_config('audit.actor', %s, true)", (name,))
                conn.execute("insert into t select coalesce(max(id), 0) + 1 from t")
    assert [row[3] for row in who(conn)] == [{"reason": "x"}] + [{"reason": "x", "other_actors": ["Mallory"]}] * 2


@pytest.mark.usefixtures("table")
def test_system_is_only_the_products_own_role(conn: Connection) -> None:
    conn.execute("update audit.setting set value = 'app, postgres' where name = 'product_roles'")
    conn.execute("insert into t values (1)")
    assert who(conn)[0][:2] == ("System", "system")


def test_roots_accounts_and_names(conn: Connection) -> None:
    conn.execute(
        "create table rule (id int primary key, account_id int, name text, deleted_at timestamptz);"
        "create table rule_user (rule_id int references rule on delete cascade, user_id int, primary key (rule_id, user_id));"
        "create table robin (rule_id int, user_id int, position int, primary key (rule_id, user_id),"
        " foreign key (rule_id, user_id) references rule_user on delete cascade);"
        "insert into rule values (1, 7, 'old'); insert into rule_user values (1, 1)"
    )
    options: dict[str, Any] = {"registered": True}
    track_table(conn, "public.rule", label_column="name", account_column="account_id", **options)
    track_table(conn, "public.rule_user", parent_table="public.rule", parent_columns=["rule_id"], **options)
    track_table(conn, "public.robin", parent_table="public.rule_user", parent_columns=["rule_id", "user_id"])
    write_catalogue_rows(
        conn,
        [
            {
                "table_name": "public.rule",
                "module": "Rules",
                "entity": "Rule",
                "label_column": "name",
                "soft_delete_column": "deleted_at",
            }
        ],
        [{"table_name": "public.rule", "column_name": "account_id", "module": "Moves", "label": "Account"}],
    )
    conn.execute("insert into robin values (1, 1, 1)")
    conn.execute("update rule set name = 'new', account_id = 8")
    conn.execute("insert into rule_user select 1, g from generate_series(2, 80) as g")
    conn.execute("update rule set deleted_at = now()")
    conn.execute("update rule set deleted_at = null")
    conn.execute("delete from rule")
    found = conn.execute(
        "select change_type, module, entity, entity_id, entity_name, account, table_name, operation from audit.log order by at, id, module"
    ).fetchall()
    assert found[0] == ("Updated", "Other", "Rule", "1", "new", "7", "public.robin", "INSERT")
    assert found[1] == ("Updated", "Moves", "Rule", "1", "new", "8", "public.rule", "UPDATE")
    assert found[2] == ("Updated", "Rules", "Rule", "1", "new", "8", "public.rule", "UPDATE")
    assert {row[3:6] for row in found[3:]} == {("1", "new", "8")}
    assert [row[0] for row in found if row[6] == "public.rule"] == [
        "Updated",
        "Updated",
        "Deleted",
        "Updated",
        "Deleted",
    ]
    assert len(found) == 3 + 79 + 2 + 1 + 80 + 1
    left = conn.execute("select count(*), count(deleted_at) from audit.entity").fetchone()
    assert left == (81, 81)


def test_label_tables(conn: Connection) -> None:
    conn.execute("create table u (id int primary key, name text, seen int, mood json)")
    track_table(conn, "public.u", kind="label", label_column="name", about=["mood"], registered=True)
    conn.execute("insert into u values (1, 'Ana', 1, '{}')")
    conn.execute("update u set seen = 2; update u set name = 'Ana B'; delete from u")
    assert conn.execute("select count(*) from audit.log").fetchone() == (0,)
    assert conn.execute("select operation, old, new from audit.change order by id").fetchall() == [
        ("I", None, {"id": 1, "name": "Ana", "mood": {}}),
        ("U", {"name": "Ana"}, {"name": "Ana B"}),
        ("D", {"id": 1, "name": "Ana B", "mood": {}}, None),
    ]


@pytest.mark.usefixtures("table")
def test_middleware(conn: Connection) -> None:
    def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with conn.transaction(), acting(conn):
            conn.execute("insert into t values (1)")
        return [b"ok"]

    environ = {"REMOTE_ADDR": "192.0.2.1", "HTTP_X_REQUEST_ID": "q1"}
    assert list(ActorWSGIMiddleware(wsgi, lambda _: "Wsgi")(environ, print)) == [b"ok"]

    async def asgi(*_: Any) -> None:
        with conn.transaction(), acting(conn):
            conn.execute("insert into t values (2)")

    scope = {"type": "http", "headers": [(b"X-Request-Id", b"q2")], "client": ("192.0.2.2", 1)}
    call: Any = ActorASGIMiddleware(asgi, lambda _: "Asgi")(scope, None, None)  # type: ignore[arg-type] # not used
    with pytest.raises(StopIteration):
        call.send(None)
    with conn.transaction(), acting(conn):
        conn.execute("insert into t values (3)")
    assert [row[:3] for row in who(conn)] == [
        ("Wsgi", "user", "192.0.2.1"),
        ("Asgi", "user", "192.0.2.2"),
        ("postgres", "database", None),
    ]
