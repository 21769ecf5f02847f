"""Folding without a database: changes made by hand, and values in words."""

from __future__ import annotations

import json
import re
import time
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zlib import crc32

import pytest

from capture.catalogue.model import Catalogue, Phrase
from capture.entries import values
from capture.entries.fold import fold
from capture.entries.identity import Identity, decode, encode, root_hash
from capture.entries.labels import KnownNames
from capture.entries.phrases import say
from capture.model import Change, Entry, Transaction

AT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
CATALOGUE = Catalogue.model_validate(
    {
        "name": "Shop",
        "table": [
            {
                "name": "shop.lists",
                "module": "Prices",
                "entity": "price list",
                "label": "name",
                "order": {"column": "rank", "kind": "list.moved"},
            },
            {
                "name": "shop.prices",
                "module": "Prices",
                "entity": "price",
                "parent": {"table": "shop.lists", "key": "list_id"},
            },
        ],
    }
)


def change(
    number: int, operation: Any, key: int, *, old: Any = None, new: Any = None, table: str = "shop.lists", **more: Any
) -> Change:
    about = {} if operation != "UPDATE" or table != "shop.lists" else {"name": "Summer"}
    return Change(
        number,
        7,
        AT,
        table,
        operation,
        {"id": key},
        old,
        new,
        about,
        more.get("root", table),
        more.get("root_key", {"id": key}),
    )


def folded(*changes: Change) -> list[Entry]:
    transaction = Transaction(7, AT, "Ana", {}, "app", None, None, None)
    return fold(transaction, changes, CATALOGUE, KnownNames({("shop.lists", "1"): {"name": "Summer"}}))


def sentences(*changes: Change) -> list[str]:
    return [text for entry in folded(*changes) for text in entry.descriptions]


def test_only_the_net_effect_is_told() -> None:
    there, back = {"price": 1}, {"price": 2}
    update = ("UPDATE", 1)
    assert sentences(change(1, *update, old=there, new=back), change(2, *update, old=back, new=there)) == []
    assert sentences(change(1, *update, old=there, new=back), change(2, *update, old=back, new={"price": 9})) == [
        "Changed the price of price list “Summer” from 1 to 9"
    ]


def test_a_row_deleted_and_inserted_again_was_updated() -> None:
    before, after = {"id": 1, "name": "Summer", "price": 1}, {"id": 1, "name": "Summer", "price": 2}
    assert sentences(change(1, "DELETE", 1, old=before), change(2, "INSERT", 1, new=after)) == [
        "Changed the price of price list “Summer” from 1 to 2"
    ]


def test_an_updated_row_that_is_deleted_is_told_as_it_was_before() -> None:
    gone = {"id": 1, "name": "Autumn", "price": 2}
    renamed = Change(
        1, 7, AT, "shop.lists", "UPDATE", {"id": 1}, {"name": "Summer"}, {"name": "Autumn"}, {}, "shop.lists", {"id": 1}
    )
    found = folded(renamed, change(2, "DELETE", 1, old=gone))
    assert [(entry.type, entry.descriptions) for entry in found] == [("Deleted", ("Deleted price list “Summer”",))]


def test_a_part_moved_to_another_parent_left_one_and_joined_the_other() -> None:
    moved = change(
        1,
        "UPDATE",
        5,
        old={"list_id": 1},
        new={"list_id": 2},
        table="shop.prices",
        root="shop.lists",
        root_key={"id": 2},
    )
    moved = replace(moved, former_root_table="shop.lists", former_root_key={"id": 1})
    assert sorted(sentences(moved)) == [
        "Added price 5 to price list #2 (name unknown)",
        "Removed price 5 from price list “Summer”",
    ]


def test_several_moved_rows_are_several_moves() -> None:
    ranks = {1: (1, 5), 2: (2, 1), 3: (3, 2), 4: (4, 3), 5: (5, 4)}
    moves = [change(n, "UPDATE", n, old={"rank": a}, new={"rank": b}) for n, (a, b) in ranks.items()]
    assert sentences(*moves) == ["Moved price list “Summer” from position 1 to 5 (4 others shifted)"]


def test_a_move_is_told_beside_a_row_that_went_or_came() -> None:
    move = change(1, "UPDATE", 1, old={"rank": 21}, new={"rank": 50})
    gone = change(2, "DELETE", 2, old={"id": 2, "name": "Autumn", "rank": 3})
    came = change(2, "INSERT", 2, new={"id": 2, "name": "Autumn", "rank": 3})
    told = "Moved price list “Summer” from position 21 to 50"
    assert sorted(sentences(move, gone)) == ["Deleted price list “Autumn”", told]
    assert told in sentences(move, came)


@pytest.mark.parametrize("step", [1, 10])
def test_rows_that_close_a_gap_or_make_room_are_not_told(step: int) -> None:
    gone = change(1, "DELETE", 9, old={"id": 9, "name": "Autumn", "rank": step})
    came = change(1, "INSERT", 9, new={"id": 9, "name": "Autumn", "rank": step})
    for count in (1, 3):
        ranks = [(n, n * step, (n + 1) * step) for n in range(1, count + 1)]
        down = [change(n + 1, "UPDATE", n, old={"rank": high}, new={"rank": low}) for n, low, high in ranks]
        up = [change(n + 1, "UPDATE", n, old={"rank": low}, new={"rank": high}) for n, low, high in ranks]
        assert sentences(gone, *down) == ["Deleted price list “Autumn”"]
        if step == 1 or count > 1:
            assert len(sentences(came, *up)) == 1


@pytest.mark.parametrize("number", [7, 2**40])
def test_an_id_is_short_and_tells_what_leads_to_its_entry(number: int) -> None:
    identity = Identity(AT, number, "Prices & “more”", "shop.lists", "ü,1" * 999)
    text = encode(identity)
    assert re.fullmatch(r"[A-Za-z0-9_-]{30}", text)
    told = decode(text)
    assert (told.at, told.transaction_id, told.root) == (AT, number, root_hash("shop.lists", "ü,1" * 999))


def test_ids_differ_by_all_that_they_stand_for() -> None:
    identity = Identity(AT, 7, "Prices", "shop.lists", "1")
    others = (
        {"at": AT + timedelta(microseconds=1)},
        {"transaction_id": 8},
        {"module": "X"},
        {"table": "s"},
        {"key": "2"},
    )
    assert len({encode(replace(identity, **other)) for other in ({}, *others)}) == 6


def test_an_id_of_the_first_form_leads_to_the_same_entry() -> None:
    body = json.dumps(
        [int(AT.timestamp()) * 10**6, 7, "Prices & “more”", "shop.lists", "ü,1"], ensure_ascii=False
    ).encode()
    former = urlsafe_b64encode(crc32(body).to_bytes(4, "big") + body).decode().rstrip("=")
    assert decode(former) == decode(encode(Identity(AT, 7, "Prices & “more”", "shop.lists", "ü,1")))


@pytest.mark.parametrize(
    "value, said",
    [
        (None, "nothing"),
        (True, "Yes"),
        (1234567, "1,234,567"),
        (Decimal("1234.50"), "1,234.50"),
        ([1, "a"], "1, a"),
        ({"due_days": 1, "api_key": "x"}, "due days 1, api key ••••••"),
        ("2026-03-01T09:05:00+00:00", "1 Mar 2026 09:05 UTC"),
        ("2026-03-01", "2026-03-01"),
    ],
)
def test_any_value_is_in_words(value: Any, said: str) -> None:
    assert values.plain(value) == said


def test_languages_money_and_times_are_in_words() -> None:
    assert [values.language(code) for code in ("de", "pt-BR", "xx-nothing")] == [
        "German",
        "Portuguese (Brazil)",
        "xx-nothing",
    ]
    assert [values.clock(time) for time in ("09:00:00", "09:00:30", "soon")] == ["09:00", "09:00:30", "soon"]


@pytest.mark.parametrize(
    "amount, currency, said",
    [
        ("5", "USD", "USD 5.00"),
        ("5", "JPY", "JPY 5"),
        ("1500.00", "JPY", "JPY 1,500"),
        ("1500.50", "JPY", "JPY 1,500.50"),
        ("-0.5", "JPY", "JPY -0.5"),
        ("20.0050", "USD", "USD 20.0050"),
        ("20.0000", "EUR", "EUR 20.00"),
        ("3.1250", "KWD", "KWD 3.125"),
        ("0.000000000000000001", "EUR", "EUR 0.000000000000000001"),
        (f"{'9' * 40}.125", "USD", f"USD 9,{','.join(['999'] * 13)}.125"),
        ("2.50", None, "2.50"),
    ],
)
def test_no_amount_is_rounded(amount: str, currency: str | None, said: str) -> None:
    assert values.money(Decimal(amount), currency) == said


def test_a_text_calculates_without_rounding() -> None:
    names = {"a": Decimal("12345678901234567890.123456789012345678"), "b": Decimal("0.000000000000000001")}
    assert say("{{ (a - b) | amount('EUR') }}", names) == "12,345,678,901,234,567,890.123456789012345677"


def test_a_phrase_that_stumbles_over_a_null_does_not_hide_the_change() -> None:
    table = CATALOGUE.table[0].model_copy(
        update={"phrase": (Phrase(kind="x", columns=("price",), text="Raised by {{ new.price - old.price }}"),)}
    )
    catalogue = CATALOGUE.model_copy(update={"table": (table,)})
    transaction = Transaction(7, AT, "Ana", {}, "app", None, None, None)
    changes = [change(1, "UPDATE", 1, old={"price": None}, new={"price": 3})]
    [entry] = fold(transaction, changes, catalogue, KnownNames())
    assert entry.descriptions == ("Set the price of price list “Summer” to 3",)


def test_a_bulk_change_folds_in_time_that_grows_with_it() -> None:
    rows = {number: {"id": number, "list_id": 1, "price": number} for number in range(4000)}
    parts: dict[str, Any] = {"table": "shop.prices", "root": "shop.lists", "root_key": {"id": 1}}
    deleted = [change(number, "DELETE", number, old=row, **parts) for number, row in rows.items()]
    inserted = [change(5000 + n, "INSERT", 5000 + n, new={**row, "id": 5000 + n}, **parts) for n, row in rows.items()]
    started = time.monotonic()
    moved = [
        change(number, "UPDATE", number, old={"rank": number}, new={"rank": 4000 - number}) for number in range(4000)
    ]
    assert len(folded(*deleted, *inserted)) == 1
    assert folded(*moved)
    assert time.monotonic() - started < 30
