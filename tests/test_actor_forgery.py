"""Signatures that are not right: each is named after the attack. None fails a write, and none vouches for anybody."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import psycopg
import pytest

from capture.signing import SigningKey, message
from capture.trust import add_key
from tests.commands import Capture, documents, said
from tests.fix_actors import VOUCHED, claim, facts, say, told, write

pytestmark = pytest.mark.ends

Connection = psycopg.Connection[Any]

Attack = Callable[[SigningKey, dict[str, Any]], tuple[str, str, str]]
CONTEXT = '{"ip": "198.51.100.7"}'


def _sign(key: SigningKey, bound: dict[str, Any], name: str = "Ana Admin", context: str = CONTEXT) -> str:
    return key.sign(name, context, **bound)


def _padding(length: int) -> str:
    """What SHA-256 adds to a message of so many bytes, as far as a text can hold it."""
    return "\u0080" + "\x01" * ((55 - length) % 64) + str(length * 8)


ATTACKS: dict[str, Attack] = {
    "a signature with swapped actor": lambda key, bound: ("Ana Admin", CONTEXT, _sign(key, bound, "Ben")),
    "a signature with swapped context": lambda key, bound: ("Ana Admin", CONTEXT, _sign(key, bound, context="{}")),
    "a context that was left out": lambda key, bound: ("Ana Admin", "", _sign(key, bound)),
    "a context that is spelled otherwise": lambda key, bound: (
        "Ana Admin",
        '{"ip":"198.51.100.7"}',
        _sign(key, bound),
    ),
    "actor and context that trade places": lambda key, bound: (
        "Ana Admin",
        CONTEXT,
        _sign(key, bound, CONTEXT, "Ana Admin"),
    ),
    "an actor with the context in it": lambda key, bound: (
        f"Ana Admin\n{CONTEXT}",
        "",
        _sign(key, bound, "Ana Admin", CONTEXT),
    ),
    "an actor that goes on after a line": lambda key, bound: ("Ana Admin\nBen", CONTEXT, _sign(key, bound)),
    "an actor whose letters only look the same": lambda key, bound: ("Аna Admin", CONTEXT, _sign(key, bound)),
    "an actor with blanks": lambda key, bound: ("Ana Admin ", CONTEXT, _sign(key, bound)),
    "an actor in other case": lambda key, bound: ("ana admin", CONTEXT, _sign(key, bound)),
    "an actor of other combining characters": lambda key, bound: (
        unicodedata.normalize("NFD", "Änne"),
        CONTEXT,
        _sign(key, bound, unicodedata.normalize("NFC", "Änne")),
    ),
    "an actor with an invisible character": lambda key, bound: ("Ana\u200b Admin", CONTEXT, _sign(key, bound)),
    "an actor that is extended as SHA-256 pads": lambda key, bound: (
        "Ana Admin" + _padding(9) + "Ben",
        CONTEXT,
        _sign(key, bound),
    ),
    "a hash of key and message, which could be extended": lambda key, bound: (
        "Ana Admin",
        CONTEXT,
        f"1:{key.name}:{bound['expires']}:"
        + sha256(key.secret + message(key.name, "Ana Admin", CONTEXT, **bound)).hexdigest(),
    ),
    "a key filled up with zeros": lambda key, bound: (
        "Ana Admin",
        CONTEXT,
        _sign(SigningKey(f"{key.name}.", key.secret + b"\0"), bound),
    ),
    "a longer life": lambda key, bound: (
        "Ana Admin",
        CONTEXT,
        _sign(key, bound).replace(str(bound["expires"]), str(bound["expires"] + 1)),
    ),
    "a life with a leading zero": lambda key, bound: (
        "Ana Admin",
        CONTEXT,
        _sign(key, bound).replace(f":{bound['expires']}:", f":0{bound['expires']}:"),
    ),
    "a signature of another cluster": lambda key, bound: (
        "Ana Admin",
        CONTEXT,
        _sign(key, {**bound, "cluster": bound["cluster"] + 1}),
    ),
    "a signature of the next transaction": lambda key, bound: (
        "Ana Admin",
        CONTEXT,
        _sign(key, {**bound, "transaction": str(int(bound["transaction"]) + 1)}),
    ),
    "a signature by a key of the attacker's": lambda key, bound: (
        "Ana Admin",
        CONTEXT,
        _sign(replace(key, secret=b"\1" * 32), bound),
    ),
    "a signature by a key that nobody knows": lambda key, bound: (
        "Ana Admin",
        CONTEXT,
        _sign(replace(key, name="nobody"), bound),
    ),
    "the name of another valid key": lambda key, bound: (
        "Ana Admin",
        CONTEXT,
        _sign(key, bound).replace(f":{key.name}:", ":other:"),
    ),
    "half of a signature": lambda key, bound: ("Ana Admin", CONTEXT, _sign(key, bound)[:-32]),
    "capital letters": lambda key, bound: ("Ana Admin", CONTEXT, _sign(key, bound).upper()),
    "more after it": lambda key, bound: ("Ana Admin", CONTEXT, _sign(key, bound) + "\n"),
    "more before it": lambda key, bound: ("Ana Admin", CONTEXT, " " + _sign(key, bound)),
    "another version": lambda key, bound: ("Ana Admin", CONTEXT, "2" + _sign(key, bound)[1:]),
    "digits of another script": lambda key, bound: (
        "Ana Admin",
        CONTEXT,
        _sign(key, bound).replace(f":{bound['expires']}:", ":١٧٩٠٠٠٠٠٠٠:"),
    ),
    "no signature at all": lambda key, bound: ("Ana Admin", CONTEXT, "Ana really"),  # noqa: ARG005 - as the others
    "SQL": lambda key, bound: ("Ana Admin", CONTEXT, "1:k'; drop table t; --:1:00"),  # noqa: ARG005 - as the others
    "a million letters": lambda key, bound: ("Ana Admin", CONTEXT, "1" * 1_000_000),  # noqa: ARG005 - as the others
    "a context of megabytes": lambda key, bound: (
        "Ana Admin",
        "x" * 2_000_000,
        _sign(key, bound, context="x" * 2_000_000),
    ),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=[name.replace(" ", "_") for name in ATTACKS])
def test_a_signature_that_is_not_right_fails_no_write_and_vouches_for_nobody(
    conn: Connection, app: Connection, attack: Attack
) -> None:
    key = SigningKey.parse(add_key(conn, "crm-2026"))
    add_key(conn, "other")
    with app.transaction():
        name, context, signature = attack(key, facts(app))
        say(app, name, context, signature)
        write(app)
    assert told(conn) == [claim(app, name)]


def test_a_signature_copied_into_another_transaction_vouches_for_nobody(conn: Connection, app: Connection) -> None:
    """Not in the next one of the same session, not in another session while the first one is open, not after it."""
    key = SigningKey.parse(add_key(conn, "k"))
    with psycopg.connect(app.info.dsn) as thief, app.transaction():
        signature = _sign(key, facts(app), context="")
        say(app, "Ana Admin", "", signature)
        write(app)
        say(thief, "Ana Admin", "", signature)
        write(thief)
        thief.commit()
        say(thief, "Ana Admin", "", signature)
        write(thief)
    with app.transaction():
        say(app, "Ana Admin", "", signature)
        write(app)
    assert sorted(told(conn)) == sorted([VOUCHED, *[claim(app)] * 3])


def test_an_expired_signature_vouches_for_nobody(conn: Connection, app: Connection, capsys: Capture, dsn: str) -> None:
    key = SigningKey.parse(add_key(conn, "k"))
    with app.transaction():
        say(app, "Ana Admin", "", _sign(key, {**facts(app), "expires": int(time.time()) - 1}, context=""))
        write(app)
    assert told(conn) == [claim(app)]
    [entry] = documents(capsys, "log", "--limit", "1", "--dsn", dsn)
    assert entry["source"]["signature"] == "expired:k"
    shown = said(capsys, "show", entry["id"], "--dsn", dsn)[0]
    assert f"claimed by {app.info.user}, with a signature that is expired" in shown
