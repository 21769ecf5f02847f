"""Who gets digests: adding, pausing and removing is checked, and is an entry of the log itself."""

from __future__ import annotations

from datetime import time
from typing import Any

import psycopg
import pytest

from capture.catalogue import Catalogue, load_shipped
from capture.entries.describe import entries
from capture.errors import UsageError
from capture.filters import Filters
from capture.window import watermark
from reports import recipients
from reports.addresses import address_of, checked_address, checked_name

Connection = psycopg.Connection[Any]

pytestmark = pytest.mark.one_server
NONE = Catalogue(name="none")


def _sentences(conn: Connection) -> list[str]:
    return [text for entry in entries(conn, NONE, Filters(modules=("Audit log",))) for text in entry.descriptions]


def test_a_recipient_is_kept_as_given(conn: Connection) -> None:
    before = watermark(conn)
    added = recipients.add(
        conn,
        load_shipped(),
        " Ana.Admin@Münster.example ",
        name="Ana Admin",
        timezone="Europe/Berlin",
        cadence="weekly",
        send_at=time(18, 30),
        weekday=5,
        accounts=["1"],
        modules=["territories", "audit log", "Territories", "Other"],
        when_empty="always",
    )
    assert recipients.read(conn) == [added]
    assert (added.email, added.name, added.timezone) == (
        "Ana.Admin@xn--mnster-3ya.example",
        "Ana Admin",
        "Europe/Berlin",
    )
    assert (added.cadence, added.send_at, added.weekday) == ("weekly", time(18, 30), 5)
    assert (added.accounts, added.modules, added.when_empty) == (
        ("1",),
        ("Territories", "Audit log", "Other"),
        "always",
    )
    assert (added.paused, added.serial, added.begin) == (False, 0, before)
    assert added.told_until == added.added_at


def test_each_change_is_an_entry(conn: Connection) -> None:
    recipients.add(conn, NONE, "ana@example.com", name="Ana Admin", timezone="Europe/Berlin", by="Dana Admin")
    recipients.add(
        conn,
        load_shipped(),
        "ben@example.com",
        cadence="weekly",
        weekday=5,
        accounts=["1"],
        modules=["Territories", "Workflows"],
    )
    assert recipients.pause(conn, "ANA@example.com", by="Dana Admin")
    assert not recipients.pause(conn, "ana@example.com")
    assert recipients.pause(conn, "ana@example.com", paused=False)
    recipients.remove(conn, "ana@example.com")
    assert _sentences(conn)[::-1] == [
        "Added digest recipient ana@example.com (Ana Admin; daily at 07:00 Europe/Berlin)",
        "Added digest recipient ben@example.com (weekly on Friday at 07:00 UTC; account 1; Territories, Workflows)",
        "Paused the digests to ana@example.com",
        "Resumed the digests to ana@example.com",
        "Removed digest recipient ana@example.com",
    ]
    made = list(entries(conn, NONE))
    assert {(entry.module, entry.entity, entry.account) for entry in made} == {
        ("Audit log", "digest recipient", None),
        ("Audit log", "digest recipient", "1"),  # the account's own readers see it too
    }
    assert [entry.actor for entry in made[::-1]] == ["Dana Admin", "postgres", "Dana Admin", "postgres", "postgres"]


def test_a_change_of_any_column_is_told(conn: Connection) -> None:
    recipients.add(conn, NONE, "ana@example.com", name="Ana")
    for assignment in (
        "email = 'anna@example.com'",
        "name = 'Anna'",
        "timezone = 'Asia/Kathmandu'",
        "cadence = 'weekly'",
        "send_at = '18:30'",
        "weekday = 5",
        "account = '2'",
        "account = '3'",
        "account = NULL",
        "modules = '{Territories}'",
        "modules = '{Territories,Workflows}'",
        "modules = NULL",
        "when_empty = 'never'",
    ):
        conn.execute(f"UPDATE audit.recipient SET {assignment}".encode())
    assert _sentences(conn)[::-1][1:] == [
        "Changed the address of digest recipient ana@example.com to anna@example.com",
        "Changed the name of digest recipient “anna@example.com” from “Ana” to “Anna”",
        "Changed the time zone of the digests to anna@example.com from UTC to Asia/Kathmandu",
        "Changed the digests to anna@example.com from daily to weekly",
        "Changed the time of the digests to anna@example.com from 07:00 to 18:30",
        "Changed the day of weekly digests to anna@example.com from Monday to Friday",
        "Limited the digests to anna@example.com to account 2",
        "Changed the digests to anna@example.com from account 2 to account 3",
        "Widened the digests to anna@example.com from account 3 to all accounts",
        "Limited the digests to anna@example.com to Territories",
        "Changed the modules of the digests to anna@example.com from Territories to Territories, Workflows",
        "Widened the digests to anna@example.com from Territories, Workflows to all modules",
        "Changed how often anna@example.com is mailed that nothing changed, from weekly to never",
    ]


def test_a_time_that_changes_with_its_zone_is_told_with_both(conn: Connection) -> None:
    recipients.add(conn, NONE, "ana@example.com")
    conn.execute("UPDATE audit.recipient SET send_at = '18:30', timezone = 'Asia/Kathmandu'")
    assert _sentences(conn)[:2] == [
        "Changed the time zone of the digests to ana@example.com from UTC to Asia/Kathmandu",
        "Changed the time of the digests to ana@example.com from 07:00 (UTC) to 18:30 (Asia/Kathmandu)",
    ]


def test_nobody_is_added_twice(conn: Connection) -> None:
    recipients.add(conn, NONE, "ana@example.com")
    with pytest.raises(UsageError, match=r"^ANA@example.com is a recipient already"):
        recipients.add(conn, NONE, "ANA@Example.com")
    with conn.transaction():
        with pytest.raises(UsageError):
            recipients.add(conn, NONE, "ana@example.com")
        recipients.add(conn, NONE, "ben@example.com")
    assert [recipient.email for recipient in recipients.read(conn)] == ["ana@example.com", "ben@example.com"]


def test_nothing_is_done_for_an_unknown_one(conn: Connection) -> None:
    recipients.add(conn, NONE, "ana@example.com")
    with pytest.raises(UsageError, match=r"^anna@example.com is no recipient: did you mean ana@example.com"):
        recipients.pause(conn, "anna@example.com")
    for other in ("zoe@elsewhere.test", "zoe@example.com", "ben@example.com", "ana@elsewhere.test"):
        with pytest.raises(UsageError, match="is no recipient: whochanged recipients list  shows"):
            recipients.remove(conn, other)
    with pytest.raises(UsageError, match=r"did you mean ana@example.com\?"):
        recipients.remove(conn, "ana@exmaple.com")


@pytest.mark.parametrize("address", ["x@y@z", "Änne@example.com", "ana@example..com"])
def test_an_address_of_sql_that_is_none_can_be_paused_and_removed(conn: Connection, address: str) -> None:
    conn.execute("INSERT INTO audit.recipient (email, first_incarnation, first_xid) VALUES (%s, 1, '3')", (address,))
    assert recipients.pause(conn, address)
    assert recipients.remove(conn, address).email == address
    assert recipients.read(conn) == []
    for unknown in (address, "x@y@z\x00", "x\udc80@y"):
        with pytest.raises(UsageError):
            recipients.remove(conn, unknown)


@pytest.mark.parametrize(
    "wrong,message",
    [
        ({"email": "ana"}, "'ana' is no mail address"),
        ({"accounts": [""]}, "the account is empty: leave --account out for all accounts"),
        ({"accounts": " "}, "the account is empty"),
        ({"timezone": "Berlin"}, r"unknown time zone 'Berlin'\. Did you mean Europe/Berlin\?"),
        ({"modules": ["Teritories"]}, r"unknown module 'Teritories'\. Did you mean 'Territories'\?"),
        ({"modules": ["x"]}, r"unknown module 'x'\. There are Plans and Billing, .*, Audit log, Other$"),
        ({"name": "Ana\nBcc: eve@example.com"}, r"'Ana\?Bcc: eve@example.com' is no name"),
    ],
)
def test_what_cannot_be_meant_is_refused(conn: Connection, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        recipients.add(conn, load_shipped(), **{"email": "ana@example.com", **wrong})
    assert "\n" not in str(caught.value)
    assert recipients.read(conn) == []


@pytest.mark.parametrize(
    "given,kept",
    [
        ("ana@example.com", "ana@example.com"),
        (" Ana+audit@EXAMPLE.com ", "Ana+audit@example.com"),
        ("o'brien@sub.example.co", "o'brien@sub.example.co"),
        ("ana@münchen.de", "ana@xn--mnchen-3ya.de"),
        ("ana@例え.テスト", "ana@xn--r8jz45g.xn--zckzah"),
        ("root@localhost", "root@localhost"),
    ],
)
def test_an_address_is_kept_in_ascii(given: str, kept: str) -> None:
    assert checked_address(given) == kept
    assert checked_address(kept) == kept


@pytest.mark.parametrize(
    "given",
    [
        "",
        "ana",
        "@example.com",
        "ana@",
        "ana@example",
        "ana@@example.com",
        "ana@example..com",
        "ana@-example.com",
        "ana@[127.0.0.1]",
        "ana@127.0.0.1",
        ".ana@example.com",
        "ana b@example.com",
        '"ana b"@example.com',
        "änne@example.com",
        "Ana <ana@example.com>",
        "ana@example.com, ben@example.com",
        "ana@example.com\nBcc: eve@example.com",
        "ana@example.com\r\nDATA",
        "ana\x00@example.com",
        "ana@example.com\u2028x",
        "ana@faß.de",
        f"{'a' * 65}@example.com",
        f"ana@{'a' * 64}.com",
        f"ana@{'a.' * 130}com",
    ],
)
def test_what_is_no_address_is_refused_in_one_line(given: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked_address(given)
    assert len(str(caught.value).splitlines()) == 1


def test_a_sender_may_have_a_name() -> None:
    assert address_of("Cloudfon CX <audit@Example.com>") == "audit@example.com"
    assert address_of("audit@example.com") == "audit@example.com"
    for wrong in ("Cloudfon CX", "audit@example.com\nBcc: eve@example.com", "", "<>"):
        with pytest.raises(UsageError):
            address_of(wrong)
    with pytest.raises(UsageError):
        checked_name(" ")


def test_weekdays_may_be_short() -> None:
    assert [recipients.weekday_of(name) for name in ("monday", "Fri", "SU")] == [1, 5, 7]
    for wrong in ("t", "", "someday"):
        with pytest.raises(UsageError, match="write one of monday"):
            recipients.weekday_of(wrong)
