"""The index of entries: whatever it knows or does not know, a page is what a filter over everything would give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from capture import pages
from capture.catalogue import load_shipped
from capture.entries.describe import entries
from capture.filters import Filters
from capture.index.build import catch_up
from capture.model import Entry
from capture.overview import Tally, tallied
from tests.aging import value
from tests.fix_postgres import TestServer, _install_crm
from tests.saving import Connection

pytestmark = pytest.mark.one_server
WORDS = load_shipped()

STEPS = {
    "rename territory": "UPDATE territories SET name = 'Europe {n}', position = {n} WHERE id = 1",
    "rename workflow": "UPDATE workflows SET name = 'Zürich ''{n}'' \\ x', enabled = NOT enabled WHERE id = 1",
    "condition": "INSERT INTO workflow_conditions VALUES ({n}, 1, 3, 'owner', 'is', '{k}')",
    "unknown owner": "INSERT INTO workflow_conditions VALUES ({n}, 1, 3, 'owner', 'is', '99{n}')",
    "access": "INSERT INTO assignment_rule_users VALUES (1, {k}) ON CONFLICT DO NOTHING",
    "no access": "DELETE FROM assignment_rule_users WHERE user_id = {k}",
    "rename user": "UPDATE users SET name = 'Person {n}' WHERE id = {k}",
    "other account": "UPDATE territories SET account_id = CASE account_id WHEN 1 THEN 77 ELSE 1 END WHERE id = 2",
    "plan": "UPDATE subscriptions SET plan_id = 1 + plan_id % 3",
    "many": "INSERT INTO territories (account_id, name, position) SELECT 77, 'T{n} ' || g, {n} + 1000 * g FROM generate_series(1, 3) AS g",
}
ACTORS = ("Ana Admin", "Ben Ito", None)

steps = st.lists(
    st.tuples(st.sampled_from([*STEPS, "index"]), st.integers(2, 4), st.sampled_from(ACTORS)), min_size=3, max_size=10
)
filters = st.builds(
    Filters,
    modules=st.sampled_from([(), ("territories",), ("Workflows", "Auto-assignment"), ("None such",)]),
    types=st.sampled_from([(), ("created",), ("Updated", "Deleted"), ("never'",)]),
    actors=st.sampled_from([(), ("ana admin",), ("Ben Ito", "postgres")]),
    actor_kind=st.sampled_from([None, "user", "database"]),
    sensitivity=st.sampled_from([None, "low", "normal", "high"]),
    entity=st.sampled_from([None, None, "territory", "workflow 1", "Europe 12", "T3 2"]),
    account=st.sampled_from([None, None, "1", "77"]),
    accounts=st.sampled_from([None, None, frozenset({"1"}), frozenset({"77", "2"}), frozenset()]),
    search=st.sampled_from([None, None, "zurich", "own is", "europe 1", "“", " ", "person 2 'x", "user #99", "99"]),
    row=st.sampled_from(
        [None, None, ("crm.workflows", "1"), ("crm.workflow_conditions", "11"), ("crm.territories", "2")]
    ),
)


@pytest.fixture(scope="module")
def crm(server: TestServer) -> Iterator[Connection]:
    """Give one database with the reference CRM for all examples: a log that grows is the best test of all."""
    with server.database(server.template("crm", _install_crm)) as dsn, psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("INSERT INTO crm.accounts (id, name) VALUES (77, 'Globex')")
        yield conn


def write(conn: Connection, statement: str, actor: str | None) -> None:
    """Save, and read nothing of it."""
    with conn.transaction():
        conn.execute("SET LOCAL search_path = crm")
        if actor:
            conn.execute("SELECT set_config('audit.actor', %s, true)", [actor])
        conn.execute(statement.encode())


def told(conn: Connection, wish: Filters) -> list[Any]:
    """Return what a filter over everything gives."""
    return list(entries(conn, WORDS, wish))


def tally_of(found: list[Entry]) -> Tally:
    """Count one by one. Nothing in this log is as old as the retention."""
    tally = Tally()
    for entry in found:
        tally.add(entry)
    return tally


# One log for all examples: what fails would not fail again in the log that it left.
@settings(max_examples=20, deadline=None, phases=[Phase.generate])
@given(steps=steps, wishes=st.lists(filters, min_size=1, max_size=4), size=st.sampled_from([1, 3, 50]))
def test_pages_through_the_index_are_what_a_filter_over_everything_gives(
    crm: Connection, steps: list[tuple[str, int, str | None]], wishes: list[Filters], size: int
) -> None:
    for step, key, actor in steps:
        if step == "index":
            catch_up(crm, WORDS)
            continue
        number = value(crm, "SELECT count(*)::int + 10 FROM audit.change")
        write(crm, STEPS[step].format(n=number, k=key), actor)
    tally, offered = tally_of(told(crm, Filters())), pages.choices(crm, WORDS, Filters())
    assert {one.value: one.entries for one in offered.accounts} == dict(tally.accounts)
    assert {one.value: one.entries for one in offered.entities} == dict(tally.entities)
    assert {(one.name, one.kind): one.entries for one in offered.people} == dict(tally.people)
    for wish in wishes:
        expected = told(crm, wish)
        assert list(pages.entries(crm, WORDS, wish)) == expected
        assert pages.count(crm, WORDS, wish, cap=5) == pages.Count(min(len(expected), 5), len(expected) > 5)
        assert pages.tallies(crm, WORDS, wish) == tallied(tally_of(expected))
        first = pages.page(crm, WORDS, wish, size=size)
        assert list(first.entries) == expected[:size]
        if first.older is None:
            continue
        second = pages.page(crm, WORDS, wish, cursor=first.older, size=size)
        assert list(second.entries) == expected[size : 2 * size]
        assert second.newer is not None
        assert pages.page(crm, WORDS, wish, cursor=second.newer, size=size).entries == first.entries
