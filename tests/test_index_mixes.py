"""What never came together is known without looking; what did, is found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from capture import pages
from capture.catalogue import load_shipped
from capture.entries.describe import entries
from capture.filters import Filters
from capture.index.build import catch_up
from capture.index.mixes import mixes_for
from capture.index.terms import Asked, asked
from capture.retention import purge
from tests.aging import age, value
from tests.saving import Connection, only, save

pytestmark = pytest.mark.one_server
WORDS = load_shipped()


def wish(conn: Connection, filters: Filters) -> Asked:
    """Return what is asked of the index."""
    found = asked(filters, lambda one: mixes_for(conn, one))
    assert found is not None
    return found


def check(conn: Connection, filters: Filters) -> int:
    """Return how many entries are found, and check that it is what everything read one by one gives."""
    found = list(pages.entries(conn, WORDS, filters))
    assert found == list(entries(conn, WORDS, filters))
    assert pages.count(conn, WORDS, filters).number == len(found)
    return len(found)


@pytest.fixture
def log(crm_conn: Connection) -> Connection:
    """Give a log in which Ana renamed a territory, Ben deleted a workflow, and nobody said who made a territory."""
    save(crm_conn, "UPDATE territories SET name = 'Europe' WHERE id = 1", actor="Ana Admin")
    save(crm_conn, "DELETE FROM workflows WHERE id = 1", actor="Ben Ito")
    save(crm_conn, "INSERT INTO territories (account_id, name, position) VALUES (1, 'Asia', 90)", actor=None)
    catch_up(crm_conn, WORDS)
    return crm_conn


@pytest.mark.parametrize(
    "apart",
    [
        Filters(modules=("Territories",), types=("Deleted",)),
        Filters(actor_kind="database", types=("Updated",)),
        Filters(actors=("Ana Admin",), types=("Deleted",)),
        Filters(actors=("Ben Ito",), modules=("Territories",)),
        Filters(account="999", modules=("Workflows",)),
    ],
    ids=str,
)
def test_what_never_came_together_is_not_looked_for(log: Connection, apart: Filters) -> None:
    assert wish(log, apart).nothing
    assert check(log, apart) == 0


def test_words_that_never_came_with_the_rest_leave_only_what_is_in_doubt(log: Connection) -> None:
    for apart in (Filters(search="asia", types=("Updated",)), Filters(search="europe asia")):
        assert wish(log, apart).unheard
        assert wish(log, apart).candidates.endswith("'U'")
        assert check(log, apart) == 0


@pytest.mark.parametrize(
    "together, number",
    [
        (Filters(modules=("territories",), types=("CREATED",)), 1),
        (Filters(actors=("ana admin",), types=("Updated",)), 1),
        (Filters(search="euro", modules=("Territories",)), 1),
        (Filters(entity="Territory", types=("Created", "Updated")), 2),
        (Filters(entity="Asia", actor_kind="database"), 1),
        (Filters(entity="territory", search="asia europe"), 0),
        (Filters(search="deleted w", actors=("Ben Ito", "Ana Admin")), 1),
    ],
    ids=str,
)
def test_what_came_together_is_found(log: Connection, together: Filters, number: int) -> None:
    assert check(log, together) == number


def test_what_is_new_is_found_before_the_index_knows_that_it_came_together(log: Connection) -> None:
    apart = Filters(modules=("Territories",), types=("Deleted",))
    save(log, "DELETE FROM territories WHERE name = 'Asia'")
    assert wish(log, apart).nothing
    assert check(log, apart) == 1
    catch_up(log, WORDS)
    assert not wish(log, apart).nothing
    assert check(log, apart) == 1


def test_what_came_together_is_forgotten_with_the_months_that_are_purged(crm_conn: Connection) -> None:
    old = only(save(crm_conn, "UPDATE territories SET name = 'Europe' WHERE id = 1", actor="Ana Admin"))
    save(crm_conn, "UPDATE territories SET name = 'Asia' WHERE id = 1", actor="Ben Ito")
    with crm_conn.transaction():
        age(crm_conn, old.transaction_id, 24 * 130)
    catch_up(crm_conn, WORDS)
    kept = "SELECT count(*) FROM audit.entry_term WHERE term = %s"
    # Ben's entry says what the territory was called before.
    month = (datetime.now(UTC) - timedelta(days=130)).date().replace(day=1)
    assert value(crm_conn, "SELECT count(*) FROM audit.entry_term WHERE period = %s", month) > 0
    assert value(crm_conn, kept, "asia") == 1
    purge(crm_conn)
    assert value(crm_conn, "SELECT count(*) FROM audit.entry_term WHERE period = %s", month) == 0
    assert value(crm_conn, kept, "asia") == value(crm_conn, kept, "europe") == 1
    assert check(crm_conn, Filters(search="europe", actors=("Ben Ito",))) == 1
