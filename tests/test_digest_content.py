"""What a digest says: counts that are exact, the few entries that are named, and bounded memory whatever comes.

`entry`, `busy_day` and `collected` are also what the other tests of the digest start from.
"""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from capture.catalogue import load_shipped
from capture.catalogue.own import with_own
from capture.errors import ConfigurationError
from capture.model import ChangeType, Entry, FieldChange, Source
from reports.digest.content import PEOPLE_NAMED, SENSITIVE_NAMED, Digest, Period, Reader, Section, Watch, collect
from reports.digest.tally import PEOPLE_TOLD_APART, Totals

DATA = Path(__file__).parent / "data" / "digest"
MODULES = with_own(load_shipped()).modules
BERLIN = ZoneInfo("Europe/Berlin")
ANA = Reader("ana@acme.test", "Ana Admin", "Europe/Berlin", None, None)
MONDAY = Period(datetime(2026, 11, 23, tzinfo=BERLIN), datetime(2026, 11, 24, tzinfo=BERLIN), "daily")
WEEK = Period(datetime(2026, 11, 16, tzinfo=BERLIN), datetime(2026, 11, 23, tzinfo=BERLIN), "weekly")
NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
_NUMBERS = count()


def entry(**facts: Any) -> Entry:
    """Return an entry of an ordinary change, other than the facts say otherwise."""
    number = next(_NUMBERS)
    usual: dict[str, Any] = {
        "id": str(number),
        "at": NOON,
        "actor": "Ben Ito",
        "actor_kind": "user",
        "actor_trust": "claimed",
        "ip": "198.51.100.7",
        "type": ChangeType.UPDATED,
        "module": "Workflows",
        "entity": "workflow",
        "entity_id": "7",
        "entity_name": "Notify team",
        "account": "1",
        "descriptions": ("Enabled workflow “Notify team”",),
        "kinds": ("workflow.enabled",),
        "sensitivity": "normal",
        "consequence_of": None,
        "changes": (),
        "transaction_id": number,
        "source": Source("cloudfon_app", "cloudfon-web", None, None),
    }
    return Entry(**usual | facts)


def demo_day() -> list[Entry]:
    """Return the entries of the demo's working day, newest first (`whochanged demo --json`)."""
    found = []
    for line in (DATA / "day.jsonl").read_text(encoding="utf-8").splitlines():
        facts = json.loads(line)
        facts["at"] = datetime.fromisoformat(facts["at"])
        facts["type"] = ChangeType(facts["type"])
        facts["source"] = Source(**facts["source"])
        facts |= {name: tuple(facts[name]) for name in ("descriptions", "kinds")}
        facts["changes"] = tuple(FieldChange(**change) for change in facts["changes"])
        found.append(Entry(**facts))
    return found


def busy_day() -> list[Entry]:
    """Return the demo's day with changes of the log itself in it, so that every module has some."""
    own: dict[str, Any] = {"module": "Audit log", "account": None, "ip": None, "entity_id": "1"}
    retention = entry(
        id="BmD1YvR4wAAAAAAAA_Kq0m3Zc1R62g",
        at=datetime(2026, 11, 23, 18, 2, 11, tzinfo=UTC),
        entity="setting",
        entity_name="retention",
        actor="dana_dba",
        actor_kind="database",
        actor_trust="vouched",
        descriptions=("Changed the retention of the log from 90 to 30 days",),
        changes=(FieldChange("audit.setting", {"name": "retention_days"}, "value", "value", "90", "30"),),
        kinds=("setting.retention_changed",),
        sensitivity="high",
        **own,
    )
    recipient = entry(
        id="BmDrgF2pAAAAAAAAA65nXo0uTlV62g",
        at=datetime(2026, 11, 23, 7, 55, tzinfo=UTC),
        entity="digest recipient",
        entity_name="olga@globex.test",
        actor="Ana Admin",
        type=ChangeType.CREATED,
        descriptions=(
            "Added digest recipient olga@globex.test (Olga Petrova, weekly, 07:00 Europe/Berlin, account 2)",
        ),
        kinds=("recipient.added",),
        **own,
    )
    return [retention, *demo_day(), recipient]


def collected(
    entries: Iterable[Entry],
    reader: Reader = ANA,
    period: Period = MONDAY,
    *,
    module_order: Sequence[str] = MODULES,
    **more: Any,
) -> Digest:
    """Return the digest of the entries."""
    return collect(entries, reader, period, module_order=module_order, **more)


def section(digest: Digest, module: str = "Workflows") -> Section:
    """Return the section of a module."""
    (found,) = (part for part in digest.sections if part.module == module)
    return found


def backwards(number: int, **facts: Any) -> list[Entry]:
    """Return so many entries, newest first, a minute apart, that say their number: 0 is the oldest."""
    return [
        entry(at=NOON + timedelta(minutes=place), descriptions=(f"Change {place}",), **facts)
        for place in reversed(range(number))
    ]


def told(lines: Iterable[Any]) -> list[str]:
    """Return the first sentences of lines."""
    return [line.sentences[0] for line in lines]


def test_every_entry_counts_once_in_each_sum() -> None:
    entries = busy_day()
    digest = collected(entries)
    assert digest.totals.all == len(entries) == 69
    assert digest.totals == Totals(created=6, updated=59, deleted=4)
    assert sum((part.totals for part in digest.sections), Totals()) == digest.totals
    assert sum(row.entries for row in digest.people.rows) == 69
    assert digest.sensitive_entries == sum(one.sensitivity == "high" for one in entries)
    assert (digest.people.users, digest.people.roles, digest.people.system) == (5, 1, True)


def test_modules_stand_in_the_order_of_the_page_and_others_follow_by_name() -> None:
    entries = [*busy_day(), entry(module="Zebra"), entry(module="Alpaca")]
    assert [part.module for part in collected(entries).sections] == [*MODULES, "Alpaca", "Zebra"]


def test_a_module_shows_ten_entries_as_they_happened_and_counts_the_rest() -> None:
    part = section(collected(backwards(33)))
    assert told(part.lines) == [f"Change {place}" for place in range(23, 33)]
    assert part.more == Totals(updated=23)


def test_the_ten_are_the_sensitive_ones_then_direct_sql_then_deletions_then_the_newest() -> None:
    rest = backwards(40)
    rest[39] = replace(rest[39], sensitivity="high")
    rest[38] = replace(rest[38], actor_kind="database")
    rest[37] = replace(rest[37], type=ChangeType.DELETED)
    rest[0] = replace(rest[0], sensitivity="low")
    part = section(collected(rest))
    assert told(part.lines) == [f"Change {place}" for place in (1, 2, *range(31, 39))]
    assert told(sorted(part.lines, key=lambda line: line.rank))[:3] == ["Change 1", "Change 2", "Change 38"]
    assert (part.above, part.more) == (Totals(updated=1), Totals(updated=29))


def test_what_is_shown_among_the_sensitive_changes_is_not_shown_again() -> None:
    digest = collected([*backwards(8, sensitivity="high"), *backwards(3, module="Territories")])
    part = section(digest)
    assert told(digest.sensitive) == [f"Change {place}" for place in range(2, 8)]
    assert told(part.lines) == ["Change 0", "Change 1"]
    assert (part.above.all, part.more.all) == (6, 0)
    shorter = digest.shortened(1, 80)
    part = section(shorter)
    assert (len(shorter.sensitive), len(part.lines), part.above.all, part.more.all) == (3, 1, 3, 4)


def test_some_sensitive_changes_are_named_on_top_and_all_are_counted() -> None:
    digest = collected(backwards(20, sensitivity="high"))
    assert told(digest.sensitive) == [f"Change {place}" for place in range(20 - SENSITIVE_NAMED, 20)]
    assert digest.sensitive_entries == section(digest).sensitive == 20


def test_entries_of_one_second_keep_their_order() -> None:
    entries = [entry(descriptions=(text,)) for text in ("last", "second", "first")]
    assert told(section(collected(entries)).lines) == ["first", "second", "last"]


def test_people_are_listed_by_what_they_did_and_the_rest_is_counted() -> None:
    entries = [entry(actor=f"Person {place}") for place in range(15) for _ in range(20 - place)]
    people = collected(entries).people
    assert [(row.person.name, row.entries) for row in people.rows][:2] == [("Person 0", 20), ("Person 1", 19)]
    assert len(people.rows) == PEOPLE_NAMED
    assert (people.others, people.others_entries) == (5, 10 + 9 + 8 + 7 + 6)


def test_a_name_that_is_claimed_and_vouched_for_is_two_people() -> None:
    """Somebody who only says to be Ana stands beside the Ana that a gateway vouches for, and is marked."""
    claimed = entry(actor="Ana", actor_mark="claimed by crm_report")
    people = collected([claimed, entry(actor="Ana", actor_trust="vouched")]).people
    assert [(row.person.trust, row.person.mark) for row in people.rows] == [
        ("claimed", "claimed by crm_report"),
        ("vouched", None),
    ]


def test_nobody_is_marked_where_all_names_are_claims() -> None:
    people = collected(busy_day()).people
    assert {row.person.mark for row in people.rows if row.person.kind != "database"} == {None}
    assert {row.person.mark for row in people.rows if row.person.kind == "database"} == {"direct SQL"}


def test_accounts_are_named_only_where_there_are_several() -> None:
    assert not collected([entry(account="1"), entry(account=None), entry(account="1")]).several_accounts
    assert collected([entry(account="1"), entry(account="2")]).several_accounts


def test_what_the_sentence_says_is_not_said_again() -> None:
    def spoken(text: str, **facts: Any) -> bool:
        return section(collected([entry(descriptions=(text,), **facts)])).lines[0].spoken

    assert spoken("Enabled workflow “Notify team”")
    assert spoken("Exit conditions of sequence “Welcome” now match ALL", entity="sales sequence", entity_name="Welcome")
    assert not spoken("Exit conditions of “Welcome” now match ALL", entity="sales sequence", entity_name="Welcome")
    assert not spoken("Changed the billing cycle", entity="subscription", entity_name="Acme")


def test_an_emptied_table_and_a_row_without_a_name_are_called_by_their_noun() -> None:
    emptied = entry(entity_id="", entity_name="all workflows", descriptions=("Emptied the table",))
    unnamed = entry(entity="price list", entity_id="4", entity_name="price list 4")
    lines = section(collected([unnamed, emptied])).lines
    assert [(line.noun, line.name) for line in lines] == [("all workflows", None), ("price list 4", None)]


def test_many_sentences_of_one_save_are_counted() -> None:
    (line,) = section(collected([entry(descriptions=tuple(f"Sentence {place}" for place in range(8)))])).lines
    assert (len(line.sentences), line.unsaid) == (3, 5)


def test_an_empty_digest_has_nothing_to_lead_with() -> None:
    digest = collected([], watch=Watch(24))
    assert (digest.totals.all, digest.lead, digest.sections, digest.people.rows) == (0, None, (), ())


def test_an_unknown_zone_is_refused_with_what_to_write() -> None:
    with pytest.raises(ConfigurationError, match=r"'Europe/Nowhere' is no time zone: .* such as Europe/Berlin"):
        collected([], replace(ANA, timezone="Europe/Nowhere"))


@pytest.mark.parametrize("end", [MONDAY.start, MONDAY.start - timedelta(days=1), datetime(2026, 11, 24)])  # noqa: DTZ001 - what must be refused
def test_a_period_that_is_none_is_refused(end: datetime) -> None:
    with pytest.raises(ValueError, match="period of a digest"):
        Period(MONDAY.start, end, "daily")


def long_stream(number: int) -> Iterator[Entry]:
    """Yield entries in which nothing is short or comes twice."""
    for place in range(number):
        text = f"{place} " + "long " * 2000
        yield entry(
            at=NOON - timedelta(seconds=place),
            actor=text,
            entity_name=text,
            descriptions=(text,) * 5,
            ip=text,
            account=text,
        )


def test_memory_does_not_grow_with_the_entries() -> None:
    """Neither many entries nor many long names fill the memory; beyond the people told apart all are counted together."""
    tracemalloc.start()
    try:
        digest = collected(long_stream(5_000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * 1024**2
    assert digest.people.countless
    assert digest.people.users == PEOPLE_TOLD_APART
    assert digest.people.others_entries == 5_000 - PEOPLE_NAMED
