"""Signed actors: a key of the application's vouches for the name, in one transaction and in no other."""

from __future__ import annotations

import hmac
import re
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from capture.context import actor
from capture.errors import UsageError
from capture.install import install, track_table
from capture.signing import SigningKey
from capture.spill import drain
from capture.trust import add_key, keys, retire_key
from tests.commands import Capture, documents, refused, said
from tests.fix_actors import VOUCHED, claim, facts, role_of, say, told, write
from tests.fix_postgres import TestServer

pytestmark = pytest.mark.ends

Connection = psycopg.Connection[Any]

PAGE = Path(__file__).resolve().parent.parent / "docs" / "actors.md"


def test_what_a_key_signs_is_vouched_for_whatever_the_database_role(conn: Connection, app: Connection) -> None:
    key = add_key(conn, "crm-2026")
    with actor(app, "Ana Admin", key=key, ip="198.51.100.7", reason="größer"):
        write(app)
        app.execute("insert into t (n) select g::text from generate_series(1, 99) as g; update t set n = 'y'")
    with actor(app, "Ana Admin"):
        write(app)
    assert set(told(conn)[:-1]) == {VOUCHED}
    assert told(conn)[-1] == (f"Ana Admin (claimed by {app.info.user})", "claimed")
    found = conn.execute("select signature, context from audit.transaction where signature is not null").fetchall()
    assert found == [("valid:crm-2026", {"ip": "198.51.100.7", "reason": "größer"})]


def test_sqlalchemy_signs_too(conn: Connection, app: Connection) -> None:
    key = add_key(conn, "k")
    engine = create_engine("postgresql+psycopg://", creator=lambda: app, poolclass=NullPool)
    app.autocommit = False
    with engine.connect() as connection, actor(connection, "Ana Admin", key=key, ip="198.51.100.7"):
        connection.execute(text("insert into t (n) values ('x')"))
    assert told(conn) == [VOUCHED]


@pytest.mark.one_server
def test_vector() -> None:
    """The page has it for those who sign in other languages; here it is computed by its words alone."""
    secret = bytes(range(32))
    lines = ["whochanged-1", "crm-2026", "7301234567890123456", "4711", "1790000000"]
    lines += [sha256(part.encode()).hexdigest() for part in ("Ana Admin", '{"ip": "198.51.100.7"}')]
    by_hand = hmac.digest(secret, "\n".join(lines).encode(), "sha256").hex()
    key = SigningKey("crm-2026", secret)
    bound: dict[str, Any] = {"cluster": 7301234567890123456, "transaction": "4711", "expires": 1790000000}
    signature = key.sign("Ana Admin", '{"ip": "198.51.100.7"}', **bound)
    assert signature == f"1:crm-2026:1790000000:{by_hand}"
    page = PAGE.read_text(encoding="utf-8")
    assert [line for line in (*lines, secret.hex(), signature) if line not in page] == []


def test_a_signature_that_expires_after_the_first_write_still_holds(conn: Connection, app: Connection) -> None:
    """It is looked at when the transaction's row is written; a long transaction is not torn in two."""
    key = SigningKey.parse(add_key(conn, "k"))
    with app.transaction():
        say(app, "Ana Admin", "", key.sign("Ana Admin", "", **{**facts(app), "expires": int(time.time()) + 1}))
        write(app)
        app.execute("select pg_sleep(2.1)")
        write(app)
    assert told(conn) == [VOUCHED] * 2


def test_a_gateway_with_a_bad_signature_is_not_believed_either(conn: Connection, app: Connection) -> None:
    conn.execute("insert into audit.gateway (role) values (%s)", (app.info.user,))
    with app.transaction():
        say(app, "Ana Admin", "", "1:k:1:00")
        write(app)
    assert told(conn) == [claim(app)]


def test_keys_rotate_while_both_are_valid(conn: Connection, app: Connection) -> None:
    old, new = add_key(conn, "2026"), add_key(conn, "2027")
    for key in (old, new):
        with actor(app, "Ana Admin", key=key):
            write(app)
    retire_key(conn, "2026")
    for key in (old, new):
        with actor(app, "Ana Admin", key=key):
            write(app)
    assert told(conn) == [VOUCHED, VOUCHED, claim(app), VOUCHED]
    assert [(key.name, key.until is None) for key in keys(conn)] == [("2027", True), ("2026", False)]
    with pytest.raises(UsageError, match="there is or was a key '2026'"):
        add_key(conn, "2026")


def test_what_is_added_without_the_key_is_not_vouched_for(conn: Connection, app: Connection) -> None:
    """In plain SQL it makes a claim of the whole; the helper refuses to, and signs anew with the key."""
    key = add_key(conn, "k")
    with app.transaction(), actor(app, "Ana Admin", key=key, request_id="r1"):
        write(app)
        with pytest.raises(UsageError, match="give the key again"), actor(app, "Ana Admin", ip="198.51.100.7"):
            pass
        with actor(app, "Ana Admin", key=key, ip="198.51.100.7"):
            write(app)
    with app.transaction(), actor(app, "Ana Admin", key=key):
        write(app)
        app.execute("select set_config('audit.context', '{\"ip\": \"203.0.113.9\"}', true)")
        write(app)
    with app.transaction(), actor(app, "Ana Admin", key=key):
        write(app)
        say(app, "", '{"on_behalf_of": "Ben"}')
        write(app)
    assert told(conn) == [
        VOUCHED,
        VOUCHED,
        claim(app),
        claim(app),
        *[(f"Ana Admin (claimed by {app.info.user})", "claimed")] * 2,
    ]


def test_a_second_actor_is_refused_by_the_helper_and_spoils_the_first_in_plain_sql(
    conn: Connection, app: Connection
) -> None:
    key = add_key(conn, "k")
    with app.transaction(), actor(app, "Ana Admin", key=key):
        write(app)
        with pytest.raises(UsageError, match="already 'Ana Admin'"), actor(app, "Ben", key=key):
            pass
    with app.transaction(), actor(app, "Ana Admin", key=key):
        write(app)
        app.execute("select set_config('audit.actor', 'Ben', true)")
        write(app)
    assert told(conn) == [VOUCHED, claim(app), claim(app)]


def test_a_signature_after_the_first_write_fills_an_empty_actor(conn: Connection, app: Connection) -> None:
    key = add_key(conn, "k")
    with app.transaction():
        write(app)
        with actor(app, "Ana Admin", key=key):
            write(app)
    with app.transaction():
        say(app, "Ana Admin")
        write(app)
        with actor(app, "Ana Admin", key=key):
            write(app)
    assert told(conn) == [VOUCHED, VOUCHED, *[(f"Ana Admin (claimed by {app.info.user})", "claimed")] * 2]


def test_a_signature_holds_in_savepoints_and_goes_with_them(conn: Connection, app: Connection) -> None:
    key = add_key(conn, "k")
    with app.transaction(), actor(app, "Ana Admin", key=key), app.transaction():
        write(app)
    with app.transaction():
        with pytest.raises(psycopg.errors.DivisionByZero), app.transaction(), actor(app, "Ana Admin", key=key):
            app.execute("select 1 / 0")
        write(app)
    assert told(conn) == [VOUCHED, (str(app.info.user), "vouched")]


def test_a_spilled_transaction_keeps_its_signature(conn: Connection, app: Connection) -> None:
    key = add_key(conn, "k")
    day = conn.execute("select to_char(now() at time zone 'UTC', 'YYYYMMDD')").fetchone()
    assert day is not None
    conn.execute(f"drop table audit.transaction_{day[0]}, audit.change_{day[0]}")
    with actor(app, "Ana Admin", key=key):
        write(app)
    with app.transaction():
        say(app, "Ana Admin", "", "none")
        write(app)
    assert conn.execute("select signature from audit.transaction_spill order by id").fetchall() == [
        ("valid:k",),
        ("invalid",),
    ]
    assert drain(conn).transactions == 2
    assert told(conn) == [VOUCHED, claim(app)]


@pytest.mark.parametrize("name", ["Ana\0Ben", "\0"])
def test_a_name_with_a_nul_is_refused_before_anything_is_signed(app: Connection, name: str) -> None:
    with pytest.raises(UsageError, match="NUL"), actor(app, name, key=f"k:{'00' * 32}"):
        pass


@pytest.mark.parametrize(
    "key", ["", "k", "k:00", f"k:{'0' * 63}", f"k:{'G' * 64}", f"a b:{'0' * 64}", f"k:{'0' * 64}\n"]
)
def test_a_key_that_is_none_is_refused_and_not_repeated(app: Connection, key: str) -> None:
    with pytest.raises(UsageError, match="NAME:HEX") as error, actor(app, "Ana Admin", key=key):
        pass
    assert "0" * 63 not in str(error.value)


def test_a_key_is_in_no_log_and_in_no_representation(conn: Connection, dsn: str, capsys: Capture) -> None:
    key = said(capsys, "keys", "add", "crm-2026", "--dsn", dsn)[0].strip()
    assert re.fullmatch(r"crm-2026:[0-9a-f]{64}", key)
    secret = key.split(":")[1]
    kept = conn.execute("select c::text from audit.change as c union all select k::text from audit.signing_key as k")
    assert [row[0] for row in kept if secret in row[0]] == []
    pads = conn.execute("select inner_pad, outer_pad from audit.signing_secret").fetchall()
    block = bytes.fromhex(secret) + bytes(32)
    assert pads == [(bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block))]
    assert secret not in repr(SigningKey.parse(key))
    assert str(bytes.fromhex(secret)) not in repr(SigningKey.parse(key))


@pytest.mark.one_server
def test_the_commands_say_what_they_did_and_the_log_says_so_too(conn: Connection, dsn: str, capsys: Capture) -> None:
    assert "There are no keys" in said(capsys, "keys", "list", "--dsn", dsn)[1]
    assert "cannot name a key" in refused(capsys, 2, "keys", "add", "a key", "--dsn", dsn)
    assert said(capsys, "keys", "add", "k", "--dry-run", "--dsn", dsn) == ("", "Would make key k.\n")
    assert keys(conn) == []
    said(capsys, "keys", "add", "k", "--dsn", dsn)
    assert "Would retire" in said(capsys, "keys", "retire", "k", "--dry-run", "--dsn", dsn)[1]
    assert "Retired key k." in said(capsys, "keys", "retire", "k", "--dsn", dsn)[1]
    assert "no valid key" in refused(capsys, 2, "keys", "retire", "k", "--dsn", dsn)
    [listed] = documents(capsys, "keys", "list", "--dsn", dsn)
    assert listed["name"] == "k"
    assert listed["until"] is not None
    assert "k  since" in said(capsys, "keys", "list", "--timezone", "UTC", "--dsn", dsn)[0]
    own = documents(capsys, "log", "--module", "Audit log", "--dsn", dsn)
    assert [(one["kinds"], one["descriptions"]) for one in own] == [
        (["signing_key.retired"], ["Retired signing key k"]),
        (["signing_key.added"], ["Added signing key k: what is signed with it is vouched for"]),
    ]


def test_a_database_without_encoding_signs_and_no_bytes_fail_a_write(server: TestServer) -> None:
    server.execute("CREATE DATABASE {} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'", "without_encoding")
    try:
        with psycopg.connect(server.dsn("without_encoding"), autocommit=True, client_encoding="utf-8") as conn:
            install(conn)
            conn.execute("create table t (id int generated always as identity primary key, n text)")
            track_table(conn, "public.t")
            key = add_key(conn, "k")
            with actor(conn, "Änne", key=key, reason="größer"):
                write(conn)
            conn.execute(
                f"do $$ begin perform set_config('audit.actor', convert_from('\\xe4', 'SQL_ASCII'), true);"
                f" perform set_config('audit.signature', '1:k:9:{'0' * 64}', true); insert into t (n) values ('x'); end $$"
            )
            found = conn.execute("select signature from audit.transaction where signature is not null order by id")
            assert found.fetchall() == [("valid:k",), ("invalid",)]
    finally:
        server.execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", "without_encoding")


def test_no_role_but_the_owner_of_the_log_can_ask_what_a_signature_is_worth(conn: Connection, app: Connection) -> None:
    conn.execute(f"grant audit_reader to {role_of(app.info.dsn)}")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("select audit.signature_worth('1:k:1:00', 'Ana Admin', '')")
