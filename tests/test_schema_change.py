"""What becomes of the log when the tables that it watches are altered: capture goes on, and what is in the log stays readable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.commands import Capture, documents, said

Connection = psycopg.Connection[Any]

SHOP = """
CREATE SCHEMA shop;
CREATE TABLE shop.users (id int PRIMARY KEY, name text);
CREATE TABLE shop.discounts (id int PRIMARY KEY, title text, percent int, owner_id int, note text);
INSERT INTO shop.users VALUES (1, 'Ben'), (2, 'Ana');
"""

CATALOGUE = """
[[table]]
name = "shop.users"
kind = "label"
entity = "user"
label = "name"

[[table]]
name = "shop.discounts"
module = "Pricing"
entity = "discount"
label = "title"
lookups = { owner_id = "shop.users.name" }

[table.columns]
percent = { label = "percentage" }
"""


class Shop:
    """A database with the log, and the commands that a person would give."""

    def __init__(self, conn: Connection, dsn: str, folder: Path, capsys: Capture) -> None:
        self.conn, self.dsn, self.file, self.capsys = conn, dsn, folder / "shop.toml", capsys

    def execute(self, statement: str) -> None:
        """Run statements, committed at once."""
        self.conn.execute(statement.encode())

    def install(self, words: dict[str, str] | None = None) -> None:
        """Install the catalogue with some of its words replaced by others, for good."""
        text = self.file.read_text() if self.file.exists() else CATALOGUE
        for old, new in (words or {}).items():
            assert old in text
            text = text.replace(old, new)
        self.file.write_text(text)
        said(self.capsys, "install", "--catalog", str(self.file), "--dsn", self.dsn)

    def log(self) -> list[str]:
        """Return all sentences about rows, the oldest first; those about the structure stand beside them."""
        return [
            text
            for entry in reversed(documents(self.capsys, "log", "--dsn", self.dsn))
            if entry["module"] != "Audit log"
            for text in entry["descriptions"]
        ]

    def history(self, table: str, key: str) -> list[str]:
        """Return all sentences about a row, the oldest first."""
        found = documents(self.capsys, "history", table, key, "--dsn", self.dsn)
        return [text for entry in reversed(found) for text in entry["descriptions"]]

    def status(self, code: int = 0) -> str:
        """Return what status says."""
        return said(self.capsys, "status", "--dsn", self.dsn, code=code)[0]


@pytest.fixture
def shop(conn: Connection, dsn: str, tmp_path: Path, capsys: Capture) -> Shop:
    """Give a shop in which one discount was made and changed."""
    found = Shop(conn, dsn, tmp_path, capsys)
    found.execute(SHOP)
    found.install()
    found.execute("INSERT INTO shop.discounts VALUES (1, 'Spring', 10, 1, 'a')")
    found.execute("UPDATE shop.discounts SET percent = 15, owner_id = 2, note = 'b'")
    return found


BEFORE = [
    "Created discount “Spring”",
    "Changed the percentage of discount “Spring” from 10 to 15",
    "Changed the note of discount “Spring” from “a” to “b”",
    "Changed the owner of discount “Spring” from Ben to Ana",
]


def test_a_renamed_column_keeps_its_words_until_the_catalogue_is_told_of_it(shop: Shop) -> None:
    """Nothing was installed since: the words are those of the column that it was."""
    shop.execute("ALTER TABLE shop.discounts RENAME percent TO rate; UPDATE shop.discounts SET rate = 20")
    assert shop.log() == [*BEFORE, "Changed the percentage of discount “Spring” from 15 to 20"]
    assert "rate (was percent)" in shop.status(1)


def test_after_a_column_was_renamed_old_and_new_entries_have_the_new_words(shop: Shop) -> None:
    shop.execute("ALTER TABLE shop.discounts RENAME percent TO rate")
    shop.install({"percent =": "rate =", '"percentage"': '"rate"'})
    shop.execute("UPDATE shop.discounts SET rate = 20")
    after = [text.replace("percentage", "rate") for text in BEFORE]
    expected = {*after, "Changed the rate of discount “Spring” from 15 to 20"}
    assert set(shop.log()) == expected
    assert set(shop.history("shop.discounts", "1")) == expected
    shop.status()


def test_a_column_renamed_twice_and_renamed_back_is_one_column(shop: Shop) -> None:
    shop.execute("ALTER TABLE shop.discounts RENAME percent TO rate")
    shop.install({"percent =": "rate ="})
    shop.execute("ALTER TABLE shop.discounts RENAME rate TO share; UPDATE shop.discounts SET share = 20")
    shop.install({"rate =": "share ="})
    expected = {*BEFORE, "Changed the percentage of discount “Spring” from 15 to 20"}
    assert set(shop.log()) == expected
    shop.execute("ALTER TABLE shop.discounts RENAME share TO percent")
    shop.install({"share =": "percent ="})
    assert set(shop.log()) == expected


def test_a_name_that_another_column_took_means_that_one(shop: Shop) -> None:
    """What was logged before under the name cannot be told from it any more, but what comes is told rightly."""
    shop.execute("ALTER TABLE shop.discounts RENAME note TO remark; ALTER TABLE shop.discounts ADD note text")
    shop.install()
    shop.execute("UPDATE shop.discounts SET remark = 'c', note = 'x'")
    assert set(shop.log()[len(BEFORE) :]) == {
        "Changed the remark of discount “Spring” from “b” to “c”",
        "Set the note of discount “Spring” to “x”",
    }


def test_names_are_found_after_the_columns_that_they_are_taken_from_were_renamed(shop: Shop) -> None:
    """The label of the entity, the column that refers to another table, and the label there, changed in between."""
    shop.execute("UPDATE shop.users SET name = 'Anna' WHERE id = 2")
    shop.execute(
        "ALTER TABLE shop.discounts RENAME title TO name; ALTER TABLE shop.discounts RENAME owner_id TO keeper_id;"
        "ALTER TABLE shop.users RENAME name TO full_name"
    )
    shop.execute("UPDATE shop.discounts SET keeper_id = 1")
    assert shop.log() == [*BEFORE, "Changed the owner of discount “Spring” from Anna to Ben"]
    shop.install(
        {'"name"': '"full_name"', '"title"': '"name"', "owner_id =": "keeper_id =", "users.name": "users.full_name"}
    )
    expected = [text.replace("owner", "keeper") for text in BEFORE]
    assert set(shop.log()) == {*expected, "Changed the keeper of discount “Spring” from Anna to Ben"}
    shop.status()


def test_an_added_column_is_logged_at_once_and_told_by_its_name(shop: Shop) -> None:
    shop.execute("ALTER TABLE shop.discounts ADD valid_days int DEFAULT 7; UPDATE shop.discounts SET valid_days = 9")
    assert shop.log() == [*BEFORE, "Changed the valid days of discount “Spring” from 7 to 9"]
    assert "valid_days (new)" in shop.status()
    assert "no label yet in the catalogue: shop.discounts: note, valid_days" in shop.status()
    shop.execute("INSERT INTO shop.discounts (id, title) VALUES (2, 'Summer')")
    assert shop.log()[-1] == "Created discount “Summer”"


def test_what_a_dropped_column_held_stays_readable(shop: Shop) -> None:
    """With its words too, as long as the catalogue has them; by its name afterwards."""
    shop.execute("ALTER TABLE shop.discounts DROP percent; UPDATE shop.discounts SET note = 'c'")
    last = "Changed the note of discount “Spring” from “b” to “c”"
    assert shop.log() == [*BEFORE, last]
    shop.install({'percent = { label = "percentage" }': ""})
    assert set(shop.log()) == {*(text.replace("percentage", "percent") for text in BEFORE), last}
    assert set(shop.history("shop.discounts", "1")) == set(shop.log())
    shop.status()


def test_a_retyped_column_goes_on(shop: Shop) -> None:
    shop.execute(
        "ALTER TABLE shop.discounts ALTER percent TYPE numeric(5, 2); UPDATE shop.discounts SET percent = 17.5"
    )
    shop.execute("ALTER TABLE shop.discounts ALTER percent TYPE text; UPDATE shop.discounts SET percent = 'half'")
    assert shop.log() == [
        *BEFORE,
        "Changed the percentage of discount “Spring” from 15.00 to 17.50",
        "Changed the percentage of discount “Spring” from “17.50” to “half”",
    ]
    shop.status()


def test_a_renamed_and_moved_table_is_one_table(shop: Shop) -> None:
    """Under its old name until the catalogue has the new one."""
    shop.execute("ALTER TABLE shop.discounts RENAME TO rebates; CREATE SCHEMA b; ALTER TABLE shop.rebates SET SCHEMA b")
    shop.execute("UPDATE b.rebates SET percent = 20")
    last = "Changed the percentage of discount “Spring” from 15 to 20"
    assert shop.log() == [*BEFORE, last]
    assert shop.history("shop.discounts", "1") == [*BEFORE, last]
    assert "is called b.rebates now: name it so in the catalogue" in shop.status()
    shop.install({"shop.discounts": "b.rebates", '"discount"': '"rebate"'})
    shop.execute("UPDATE b.rebates SET percent = 25")
    expected = [*BEFORE, last, "Changed the percentage of discount “Spring” from 20 to 25"]
    assert shop.log() == [text.replace("discount", "rebate") for text in expected]
    assert shop.history("b.rebates", "1") == shop.log()
    shop.status()


def test_a_renamed_table_takes_the_former_names_of_its_columns_along(shop: Shop) -> None:
    shop.execute("ALTER TABLE shop.discounts RENAME percent TO rate")
    shop.install({"percent =": "rate ="})
    shop.execute("ALTER TABLE shop.discounts RENAME TO rebates")
    shop.install({"shop.discounts": "shop.rebates"})
    assert set(shop.log()) == set(BEFORE)


def test_what_a_dropped_table_held_stays_readable(shop: Shop) -> None:
    """Dropping it is no change of a row. Made again and installed, the table goes on where it was."""
    shop.execute("ALTER TABLE shop.discounts RENAME percent TO rate")
    shop.install({"percent =": "rate ="})
    shop.execute("DROP TABLE shop.discounts")
    assert set(shop.log()) == set(BEFORE)
    assert set(shop.history("shop.discounts", "1")) == set(BEFORE)
    assert "the table is gone" in shop.status(1)
    shop.execute("CREATE TABLE shop.discounts (id int PRIMARY KEY, title text, rate int, owner_id int, note text)")
    assert "the table is gone" in shop.status(1)
    shop.install()
    shop.execute("INSERT INTO shop.discounts VALUES (2, 'Summer', 5, 1)")
    assert set(shop.log()) == {*BEFORE, "Created discount “Summer”"}
    shop.status()


def test_an_installation_that_stops_half_way_forgets_no_former_name(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tracking a table notes its present columns: what they were is kept before."""
    shop.execute("ALTER TABLE shop.discounts RENAME percent TO rate")
    monkeypatch.setattr("capture.catalogue.installing._keep", _stop)
    with pytest.raises(InterruptedError):
        shop.install({"percent =": "rate ="})
    monkeypatch.undo()
    shop.install()
    assert set(shop.log()) == set(BEFORE)


def _stop(*_: Any) -> None:
    raise InterruptedError
