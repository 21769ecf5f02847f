"""What AFTER triggers of the business write is logged before the statement that fired them: entries tell it as it happened."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.entries.order import as_applied
from capture.model import Change, Json
from tests.saving import Connection, only, save

pytestmark = pytest.mark.one_server


@pytest.fixture
def rates(crm_conn: Connection) -> Connection:
    """Give a tracked table of rates, for which each test makes a trigger that writes the row again."""
    crm_conn.execute("CREATE TABLE crm.rates (id int PRIMARY KEY, percent numeric, note text)")
    crm_conn.execute("SELECT audit.track('crm.rates')")
    return crm_conn


def again(conn: Connection, event: str, statement: str) -> None:
    """Let a trigger of the business run the statement after each row, once."""
    conn.execute(
        f"CREATE FUNCTION crm.again() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN"
        f" IF pg_trigger_depth() = 1 THEN {statement}; END IF; RETURN NULL; END$$".encode()
    )
    conn.execute(f"CREATE TRIGGER again AFTER {event} ON crm.rates FOR EACH ROW EXECUTE FUNCTION crm.again()".encode())


def test_a_row_that_a_trigger_updates_again_is_told_from_its_first_value_to_its_last(rates: Connection) -> None:
    save(rates, "INSERT INTO rates VALUES (1, 10, 'a')")
    again(rates, "UPDATE", "UPDATE crm.rates SET percent = new.percent + 0.5 WHERE id = new.id")
    told = only(save(rates, "UPDATE rates SET percent = 20 WHERE id = 1"))
    assert (told.type, told.descriptions) == ("Updated", ("Changed the percent of rate 1 from 10 to 20.5",))


def test_an_update_that_a_trigger_takes_back_is_no_entry(rates: Connection) -> None:
    save(rates, "INSERT INTO rates VALUES (1, 10, 'a')")
    again(rates, "UPDATE", "UPDATE crm.rates SET percent = old.percent WHERE id = new.id")
    assert save(rates, "UPDATE rates SET percent = 20 WHERE id = 1") == []


def test_a_new_row_that_a_trigger_completes_is_created_with_what_it_has_in_the_end(rates: Connection) -> None:
    again(rates, "INSERT", "UPDATE crm.rates SET note = 'by trigger' WHERE id = new.id")
    made = only(save(rates, "INSERT INTO rates VALUES (1, 10, NULL)"))
    assert made.type == "Created"
    assert {change.field: change.after for change in made.changes}["note"] == "by trigger"


def test_a_deleted_row_that_a_trigger_puts_back_was_updated(rates: Connection) -> None:
    save(rates, "INSERT INTO rates VALUES (1, 10, 'a')")
    again(rates, "DELETE", "INSERT INTO crm.rates VALUES (old.id, 11, old.note)")
    told = only(save(rates, "DELETE FROM rates WHERE id = 1"))
    assert (told.type, told.descriptions) == ("Updated", ("Changed the percent of rate 1 from 10 to 11",))


def test_rows_that_take_the_keys_of_others_stay_rows_of_their_own(rates: Connection) -> None:
    save(rates, "INSERT INTO rates VALUES (1, 10, 'a'), (2, 20, 'b')")
    told = save(rates, "UPDATE rates SET id = 3 WHERE id = 2", "UPDATE rates SET id = 2 WHERE id = 1")
    assert sorted(entry.entity_id for entry in told) == ["2", "3"]


def change(number: int, operation: str, key: int, old: dict[str, Json] | None, new: dict[str, Json] | None) -> Change:
    """Return a change as it is read from the log."""
    return Change(
        id=number,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        transaction_id=1,
        table="t",
        operation=operation,  # type: ignore[arg-type]
        key={"id": key},
        old=old,
        new=new,
    )


@given(
    values=st.lists(st.integers(0, 3), min_size=2, max_size=7),
    created=st.booleans(),
    deleted=st.booleans(),
    data=st.data(),
)
@settings(max_examples=300, deadline=None)
def test_whatever_the_numbers_say_values_that_fit_together_lead_from_the_first_to_the_last(
    values: list[int], created: bool, deleted: bool, data: st.DataObject
) -> None:
    steps: list[tuple[str, dict[str, Json] | None, dict[str, Json] | None]] = []
    if created:
        steps.append(("INSERT", None, {"id": 1, "v": values[0]}))
    steps += [("UPDATE", {"v": a}, {"v": b}) for a, b in pairwise(values) if a != b]
    if deleted:
        steps.append(("DELETE", {"id": 1, "v": values[-1]}, None))
    numbers = data.draw(st.permutations(range(len(steps))))
    ordered = as_applied(
        [change(number, operation, 1, old, new) for number, (operation, old, new) in zip(numbers, steps, strict=True)]
    )
    state: dict[str, Json] | None = None
    for place, each in enumerate(ordered):
        if place and each.operation != "INSERT":
            assert state is not None
            assert all(state[name] == value for name, value in (each.old or {}).items() if name in state)
        state = None if each.operation == "DELETE" else {**(state or {}), **(each.new or {})}
    assert len(ordered) == len(steps)
    if created and not deleted:
        assert (ordered[0].operation, state) == ("INSERT", {"id": 1, "v": values[-1]})
    if deleted and not created:
        assert ordered[-1].operation == "DELETE"
