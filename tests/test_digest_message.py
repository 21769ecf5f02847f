"""The message: bytes that every mail program reads as they were meant, and that no name can turn into something else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capture.errors import UsageError
from reports import safety
from reports.digest import mime
from reports.digest.message import build_message
from reports.digest.render import Rendered, render
from tests.test_digest_content import ANA, busy_day, collected, entry

DAY = render(collected(busy_day()), serial=12, base_url=None)
SMALL = Rendered("[Cloudfon CX] 1 change", "Renamed", "<p>Zürich</p>\n", "Zürich\n")


def built(rendered: Rendered = DAY, **facts: Any) -> bytes:
    """Return the message of a digest, other than the facts say otherwise."""
    usual: dict[str, Any] = {
        "sender": "Cloudfon CX <audit@acme.test>",
        "message_id": "<digest.7.1.900-1.950@acme.test>",
        "window": "1 900 950 69",
        "date": datetime(2026, 11, 24, 6, 0, tzinfo=UTC),
        "serial": 12,
        "base_url": None,
    }
    reader = facts.pop("reader", ANA)
    return build_message(rendered, reader, **usual | facts)


def parsed(raw: bytes) -> EmailMessage:
    """Return the message as a mail program reads it; it fails where that has to be forgiving."""
    message = BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(raw)
    for part in message.walk():
        assert part.defects == []
        for name, value in part.items():
            assert value.defects == (), name
    return message


def content(part: Any) -> str:
    """Return the text of a part, as a mail program shows it."""
    return str(part.get_content()).replace("\r\n", "\n")


def test_headers() -> None:
    message = parsed(built())
    found = {name: str(value) for name, value in message.items()}
    assert found.pop("Content-Type").startswith("multipart/alternative; boundary=")
    assert found == {
        "From": "Cloudfon CX <audit@acme.test>",
        "To": "Ana Admin <ana@acme.test>",
        "Subject": DAY.subject,
        "Date": "Tue, 24 Nov 2026 06:00:00 +0000",
        "Message-ID": "<digest.7.1.900-1.950@acme.test>",
        "List-Id": "<audit-digest.acme.test>",
        "List-Unsubscribe": "<mailto:audit@acme.test?subject=Unsubscribe%20ana%40acme.test>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "X-Audit-Window": "1 900 950 69",
        "X-Audit-Serial": "12",
        "MIME-Version": "1.0",
    }


def test_the_log_is_the_archive_where_it_has_a_page() -> None:
    assert parsed(built(base_url="https://audit.acme.test"))["List-Archive"] == "<https://audit.acme.test>"


def test_text_comes_first_and_both_parts_arrive_as_they_were() -> None:
    text, html = parsed(built()).iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert (content(text), content(html)) == (DAY.text, DAY.html + "\n")


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert built() == built()
    assert built() != built(message_id="<digest.8@acme.test>")


def test_lines_end_in_crlf_and_are_short() -> None:
    raw = built(reader=replace(ANA, name="Zoë " * 40), sender="Ä" * 90 + " <audit@acme.test>")
    lines = raw.split(b"\r\n")
    assert b"\n" not in b"".join(lines)
    assert b"\r" not in b"".join(lines)
    head = lines[: lines.index(b"")]
    assert max(len(line) for line in head if not line.startswith(b"List-Unsubscribe:")) <= 78
    assert max(map(len, lines)) <= 998, "what RFC 5322 allows"
    assert raw.isascii()


def test_names_in_any_script_arrive() -> None:
    message = parsed(
        built(reader=replace(ANA, name="Zoë 東京 (HQ), “x”"), sender='"Prüfung, Köln" <audit@bücher.example>')
    )
    assert message["To"].addresses == (Address("Zoë 東京 (HQ), “x”", "ana", "acme.test"),)
    assert message["From"].addresses == (Address("Prüfung, Köln", "audit", "xn--bcher-kva.example"),)
    assert message["List-Id"] == "<audit-digest.xn--bcher-kva.example>"


def test_an_international_domain_is_written_in_ascii() -> None:
    assert (
        parsed(built(reader=replace(ANA, email="ana@bücher.example")))["To"].addresses[0].domain
        == "xn--bcher-kva.example"
    )


def test_without_a_name_the_address_stands_alone() -> None:
    message = parsed(built(reader=replace(ANA, name=None), sender="audit@acme.test"))
    assert (message["To"], message["From"]) == ("ana@acme.test", "audit@acme.test")


def test_a_subject_in_any_script_arrives() -> None:
    subject = "[Überwachung] 14 configuration changes, 16–22 Nov 2026 (東京)"
    assert parsed(built(replace(SMALL, subject=subject)))["Subject"] == subject


def test_a_long_address_is_not_written_in_encoded_words() -> None:
    """Encoded words inside of < > are letters to a mail program: it would write to nobody."""
    sender = f"{'a' * 60}@{'b' * 60}.{'c' * 60}.test"
    raw = built(sender=sender, message_id=f"<{'d' * 150}@acme.test>")
    assert b"=?" not in raw.split(b"\r\n\r\n")[0]
    assert parsed(raw)["List-Unsubscribe"].startswith(f"<mailto:{sender}?subject=")


def test_a_line_break_in_a_name_begins_no_header() -> None:
    message = parsed(
        built(reader=replace(ANA, name="Ana\r\nBcc: eve@x.test"), sender="A\tB <audit@acme.test>".replace("\t", ""))
    )
    assert "Bcc" not in message
    assert message["To"].addresses[0].display_name == "Ana␍␊Bcc: eve@x.test"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.text(st.characters(exclude_categories=[]), max_size=120)
    | st.text('"\\<>@,;:()[] =?utf-8bq_\r\nü東é', max_size=120)
)
def test_no_name_becomes_another_address(name: str) -> None:
    """What people read as the name is the name, harmless and cut; the one address is the reader's."""
    message = parsed(built(SMALL, reader=replace(ANA, name=name)))
    (address,) = message["To"].addresses
    assert address.addr_spec == "ana@acme.test"
    # Python 3.11 reads a space between two encoded words that is none (RFC 2047, 6.2).
    assert "".join(address.display_name.split()) == "".join(safety.line(name, 100).split())


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n"), max_size=300))
def test_any_body_arrives(text: str) -> None:
    text = text.rstrip("\n") + "\n"
    part, _ = parsed(built(replace(SMALL, text=text))).iter_parts()
    assert content(part) == text


def test_names_in_wide_scripts_are_packed() -> None:
    """Quoted-printable would be three times as long as the text."""
    wide = render(collected([entry(descriptions=("東京" * 100,))] * 40), serial=1, base_url=None)
    assert [mime.body(part)[0] for part in (SMALL.text, wide.text, "plain\n")] == ["quoted-printable", "base64", "7bit"]


@pytest.mark.parametrize(
    "facts",
    [
        {"message_id": "digest@acme.test"},
        {"message_id": "<a@b>\r\nBcc: x@y.test"},
        {"message_id": "<ä@b.test>"},
        {"window": "1 2\r\nBcc: x@y.test"},
        {"window": "ä"},
        {"date": datetime(2026, 11, 24)},  # noqa: DTZ001 - what must be refused
    ],
)
def test_what_would_break_the_message_is_refused(facts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"Message-ID|header|date"):
        built(**facts)


@pytest.mark.parametrize(
    "facts", [{"sender": "nobody"}, {"sender": "a <b@c.test>\r\nBcc: x@y.test"}, {"reader": replace(ANA, email="ana@")}]
)
def test_what_is_no_address_is_refused(facts: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="is no mail address: write one such as"):
        built(SMALL, **facts)
