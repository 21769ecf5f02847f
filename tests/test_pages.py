"""Reading page by page: what is asked for, each entry once, from either end."""

from __future__ import annotations

import psycopg
import pytest

from capture import pages
from capture.catalogue import load_shipped
from capture.entries.describe import entries
from capture.errors import UsageError
from capture.filters import Filters, wanted_words, words
from tests.saving import Connection, save

pytestmark = pytest.mark.one_server
WORDS = load_shipped()


def changes(conn: Connection, number: int, first: int = 0) -> None:
    for each in range(first, first + number):
        save(
            conn,
            f"UPDATE territories SET name = 'Europe {each}', position = {each + 10} WHERE id = 1",
            f"UPDATE workflows SET name = 'Name {each}' WHERE id = 1",
            actor=("Ana Admin", "Ben Ito", None)[each % 3],
        )


def walk(conn: Connection, filters: Filters, size: int) -> list[str]:
    """Return the ids of all entries, page by page; each page leads back to the one before."""
    cursor, found, before = None, list[str](), list[str]()
    while True:
        page = pages.page(conn, WORDS, filters, cursor=cursor, size=size)
        here = [entry.id for entry in page.entries]
        if page.newer:
            back = pages.page(conn, WORDS, filters, cursor=page.newer, size=size)
            assert [entry.id for entry in back.entries] == before
        found += here
        if page.older is None:
            return found
        cursor, before = page.older, here


@pytest.mark.parametrize("size", [1, 2, 4, 100])
def test_pages_have_every_entry_once_in_both_directions(crm_conn: Connection, size: int) -> None:
    changes(crm_conn, 3)
    for filters in (Filters(), Filters(actors=("ana admin", "Ben Ito")), Filters(row=("crm.workflows", "1"))):
        everything = [entry.id for entry in entries(crm_conn, WORDS, filters)]
        assert len(everything) > 2
        assert walk(crm_conn, filters, size) == everything


def test_a_page_of_newer_entries_is_followed_by_what_it_left(crm_conn: Connection) -> None:
    changes(crm_conn, 1)
    first = pages.page(crm_conn, WORDS, Filters(), size=2)
    end = pages.page(crm_conn, WORDS, Filters(), cursor=first.older, size=100)
    assert end.older is None
    changes(crm_conn, 1, first=1)
    newer = pages.page(crm_conn, WORDS, Filters(), cursor=end.newer, size=3)
    assert newer.entries[-2:] == first.entries
    assert newer.newer is not None
    top = pages.page(crm_conn, WORDS, Filters(), cursor=newer.newer, size=100)
    assert top.newer is None
    again = pages.page(crm_conn, WORDS, Filters(), cursor=top.older, size=3)
    assert again.entries == newer.entries


@pytest.mark.parametrize("cursor", ["", "x", "ü", "A" * 33, "A" * 34, "=" * 34, "a" * 5000, "AAAA" * 9])
def test_a_cursor_that_is_none_is_refused(crm_conn: Connection, cursor: str) -> None:
    with pytest.raises(UsageError, match="no place in the log"):
        pages.page(crm_conn, WORDS, Filters(), cursor=cursor)


def test_a_cursor_that_somebody_changed_is_refused(crm_conn: Connection) -> None:
    changes(crm_conn, 2)
    cursor = pages.page(crm_conn, WORDS, Filters(), size=1).older
    assert cursor is not None
    for place in range(len(cursor)):
        letter = "A" if cursor[place] != "A" else "B"
        with pytest.raises(UsageError, match="no place in the log"):
            pages.page(crm_conn, WORDS, Filters(), cursor=cursor[:place] + letter + cursor[place + 1 :])


def test_a_count_is_exact_up_to_its_cap(crm_conn: Connection) -> None:
    changes(crm_conn, 2)
    number = len(list(entries(crm_conn, WORDS)))
    assert pages.count(crm_conn, WORDS, Filters()) == pages.Count(number, capped=False)
    assert pages.count(crm_conn, WORDS, Filters(), cap=number) == pages.Count(number, capped=False)
    assert pages.count(crm_conn, WORDS, Filters(), cap=number - 1) == pages.Count(number - 1, capped=True)


def test_what_arrives_is_counted_also_when_it_began_before(crm_conn: Connection, crm_dsn: str) -> None:
    with psycopg.connect(crm_dsn) as slow:
        slow.execute("UPDATE crm.workflows SET name = 'Slow' WHERE id = 2")
        changes(crm_conn, 1)
        marker = pages.newest(crm_conn)
        assert pages.arrived(crm_conn, WORDS, Filters(), marker) == pages.Count(0, capped=False)
        slow.commit()
    assert pages.arrived(crm_conn, WORDS, Filters(), marker) == pages.Count(1, capped=False)
    assert pages.arrived(crm_conn, WORDS, Filters(types=("Created",)), marker) == pages.Count(0, capped=False)
    changes(crm_conn, 2, first=1)
    assert pages.arrived(crm_conn, WORDS, Filters(), marker, cap=3) == pages.Count(3, capped=True)
    for wrong in ("", "x", "1:2", "9" * 19 + ":1:", "5:3:"):
        with pytest.raises(UsageError, match="no marker"):
            pages.arrived(crm_conn, WORDS, Filters(), wrong)


def test_an_entry_outside_the_accounts_of_a_reader_is_not_found(crm_conn: Connection) -> None:
    (moved,) = save(crm_conn, "UPDATE territories SET name = 'X' WHERE id = 1")
    assert pages.find(crm_conn, WORDS, moved.id) == moved
    assert pages.find(crm_conn, WORDS, moved.id, frozenset({"1"})) == moved
    assert pages.find(crm_conn, WORDS, moved.id, frozenset({"2"})) is None
    assert pages.find(crm_conn, WORDS, moved.id, frozenset()) is None


def test_overview_and_choices_count_what_is_inside_the_scope(crm_conn: Connection) -> None:
    changes(crm_conn, 3)
    crm_conn.execute("INSERT INTO crm.accounts (id, name) VALUES (77, 'Globex')")
    save(crm_conn, "UPDATE territories SET account_id = 77 WHERE id = 1", actor="Cleo")
    everything = list(entries(crm_conn, WORDS))
    offered = pages.choices(crm_conn, WORDS, Filters())
    assert {(one.value, one.label) for one in offered.accounts} == {("1", "Acme"), ("77", "Globex")}
    assert sum(person.entries for person in offered.people) == len(everything)
    assert {(one.name, one.kind) for one in offered.people} >= {("Ana Admin", "user"), ("postgres", "database")}
    scoped = pages.choices(crm_conn, WORDS, Filters(accounts=frozenset({"77"})))
    assert [one.value for one in scoped.accounts] == ["77"]
    assert {one.name for one in scoped.people} == {"Cleo"}
    told = pages.tallies(crm_conn, WORDS, Filters())
    assert told.total == sum(day.entries for day in told.days) == len(everything)
    assert told.direct == sum(entry.actor_kind == "database" for entry in everything)
    assert told.sensitive == sum(entry.sensitivity == "high" for entry in everything)
    nobody = pages.tallies(crm_conn, WORDS, Filters(accounts=frozenset()))
    assert (nobody.total, nobody.days, nobody.people) == (0, (), ())


def test_a_search_finds_words_by_their_beginnings_without_case_and_accents() -> None:
    assert words("EU-inbound: Zürich, straße_7 İstanbul") == "eu inbound zurich strasse 7 istanbul".split()
    assert words("客户管理 x") == ["客", "户", "管", "理", "x"]
    assert wanted_words("in Inbound IN eu") == ("eu", "inbound")


def test_filters_that_want_nothing_by_mistake_are_refused() -> None:
    for wrong in ({"sensitivity": "secret"}, {"actor_kind": "User"}, {"search": "x" * 1001}):
        with pytest.raises(UsageError):
            Filters(**wrong)  # type: ignore[arg-type]
