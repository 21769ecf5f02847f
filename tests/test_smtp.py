"""Handing a mail in: what each answer of a server means, and that trouble is told in one line without a secret."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any

import pytest

from capture.errors import ConfigurationError
from reports.smtp import Answer, MailServer, deliver, parse_server
from tests.faults_mail import FaultyMailbox, FaultySession
from tests.fix_smtp import PASSWORD, USER, Authority, Mailbox, running

SENDER, ANA, BEN = "audit@example.com", "ana@example.com", "ben@example.com"
MAIL = b"Subject: x\r\nMessage-ID: <1@example.com>\r\n\r\n.dots stay\r\n..\r\n"
LOGIN: dict[str, Any] = {"user": USER, "password": PASSWORD}


def _try(server: MailServer, address: str = ANA) -> Answer:
    answer = deliver(server, SENDER, address, MAIL)
    assert "\n" not in answer.said
    assert PASSWORD not in f"{answer.said} {server!r} {server}"
    return answer


def test_a_taken_mail_arrives_byte_for_byte(mailbox: Mailbox) -> None:
    assert _try(mailbox.server()) == Answer("sent", "250 2.0.0 queued")
    assert [(mail.sender, mail.address, mail.message) for mail in mailbox.taken] == [(SENDER, ANA, MAIL)]


@pytest.mark.parametrize(
    "data,verdict",
    [
        ("250 2.0.0 queued as 1", "sent"),
        ("251 somewhere else", "sent"),
        ("421 4.3.2 shutting down", "again"),
        ("451 4.7.1 greylisted", "again"),
        ("552 5.3.4 too large", "refused"),
        ("554 5.6.0 spam", "refused"),
        ("drop", "again"),
        ("lose", "again"),
    ],
)
def test_the_answer_to_the_data_decides(mailbox: Mailbox, data: str, verdict: str) -> None:
    mailbox.data.append(data)
    answer = _try(mailbox.server())
    assert answer.verdict == verdict
    if data[0].isdigit():
        assert answer.said == data
    assert bool(mailbox.taken) == (verdict == "sent" or data == "drop")


def test_whatever_happens_after_the_last_answer_it_was_sent(mailbox: Mailbox) -> None:
    mailbox.drop_at_quit = True
    assert _try(mailbox.server()).verdict == "sent"


def test_a_server_that_never_answers_is_left(mailbox: Mailbox) -> None:
    mailbox.data.append("stall")
    answer = _try(mailbox.server(timeout=0.3))
    assert (answer.verdict, answer.timed_out) == ("again", True)
    assert "timed out" in answer.said
    mailbox.data.append("lose")
    assert not _try(mailbox.server()).timed_out


def test_a_server_that_never_greets_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answer = _try(MailServer("127.0.0.1", listener.getsockname()[1], timeout=0.3))
    assert (answer.verdict, answer.timed_out) == ("again", True)


def test_a_server_that_answers_letter_by_letter_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each letter comes in time, and the answer never ends: the whole delivery has its limit, by which leases are measured."""
    monkeypatch.setattr("reports.smtp._ROUND_TRIPS", 1)
    monkeypatch.setattr("reports.smtp._FAREWELL", 0.0001)
    server, done = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def drip() -> None:
        with server.accept()[0] as session, suppress(OSError):
            session.sendall(b"220 ")
            while not done.wait(0.02):
                session.sendall(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    with server:
        answer = _try(MailServer("127.0.0.1", server.getsockname()[1], timeout=3))
    done.set()
    thread.join()
    assert (answer.verdict, answer.timed_out) == ("again", True)
    assert answer.said == "it was not done after 3 s"


@pytest.mark.parametrize("kind", ["garbage", "350 what more"])
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "end"])
def test_what_is_no_answer_of_smtp_gives_nothing_up(verb: str, kind: str) -> None:
    mailbox = FaultyMailbox(share=1, faults=((verb, kind if kind == "garbage" else "3xx"),))
    with running(mailbox, kind=FaultySession):
        assert _try(mailbox.server(timeout=1)).verdict == "again"


def test_a_challenge_that_cannot_be_read_is_told(trusted: Authority) -> None:
    mailbox = FaultyMailbox(share=1, faults=(("AUTH", "bad challenge"),))
    with running(mailbox, tls=trusted.context("localhost"), login=True, kind=FaultySession):
        answer = _try(mailbox.server("starttls", host="localhost", **LOGIN))
    assert answer.verdict == "fault"


@pytest.mark.parametrize(
    "refusal,verdict",
    [("450 4.2.1 mailbox busy", "again"), ("550 5.1.1 no such user", "refused"), ("421 4.3.2 shutting down", "again")],
)
def test_a_refused_recipient_is_no_fault(mailbox: Mailbox, refusal: str, verdict: str) -> None:
    mailbox.refusals[ANA] = refusal
    answer = _try(mailbox.server())
    assert (answer.verdict, answer.said, answer.hard) == (verdict, refusal, verdict == "refused")
    assert _try(mailbox.server(), BEN).verdict == "sent"


@pytest.mark.parametrize(
    "refusal",
    [
        "554 5.7.1 <ana@example.com>: Relay access denied",
        "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
        "530 5.7.0 Authentication required",
        "530 Authentication required",
        "535 authenticate first",
        "550 relay not permitted",
        "550 Relaying denied",
        "550 5.7.1 Unable to relay",
        "554 Access denied: authentication required",
        "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
        "550 Please log in before sending",
    ],
)
def test_a_server_that_does_not_relay_for_us_does_not_serve_us(mailbox: Mailbox, refusal: str) -> None:
    mailbox.refusals[ANA] = refusal
    assert _try(mailbox.server()) == Answer("unserved", refusal)
    if not refusal.startswith("53"):
        mailbox.refusals.clear()
        mailbox.data.append(refusal)
        assert _try(mailbox.server()) == Answer("unserved", refusal), "some say so after the data only"


@pytest.mark.parametrize(
    "refusal",
    [
        "550 5.7.1 you are not authorized to post to this list",
        "550 5.7.2 list is closed",
        "554 5.7.1 Recipient address rejected: Access denied",
    ],
)
def test_a_policy_may_be_the_recipients_own(mailbox: Mailbox, refusal: str) -> None:
    mailbox.refusals[ANA] = refusal
    assert _try(mailbox.server()) == Answer("denied", refusal)


@pytest.mark.parametrize(
    "refusal",
    [
        "550 5.1.1 no such user",
        "552 5.2.2 full",
        "551 not here",
        "550 see 5.7.1",
        "553 5.1.3 bad address",
        "550 5.1.1 <relay@example.com>: unknown, authentication is not the matter",
        "550 relay@example.com is unknown",
        "550 mx.relay.example has no such user",
    ],
)
def test_what_is_wrong_with_the_address_is_a_refusal(mailbox: Mailbox, refusal: str) -> None:
    mailbox.refusals[ANA] = refusal
    answer = _try(mailbox.server())
    # A mailbox that is full will not be so for good.
    assert (answer.verdict, answer.said, answer.hard) == ("refused", refusal, "full" not in refusal)


def test_a_spam_filter_that_refuses_the_message_is_no_fault(mailbox: Mailbox) -> None:
    mailbox.data.append("554 5.7.1 looks like spam")
    assert _try(mailbox.server()) == Answer("refused", "554 5.7.1 looks like spam")


@pytest.mark.parametrize("address", ["änne@example.com", "ana@example.com\r\nDATA"])
def test_an_address_that_no_command_can_carry_is_refused(mailbox: Mailbox, address: str) -> None:
    assert _try(mailbox.server(), address).verdict == "refused"
    assert mailbox.taken == []


def test_a_refused_sender_is_a_fault(mailbox: Mailbox) -> None:
    mailbox.refusals[SENDER] = "451 4.3.0 try later"
    assert _try(mailbox.server()).verdict == "again"
    mailbox.refusals[SENDER] = "550 5.7.1 who are you"
    answer = _try(mailbox.server())
    assert answer.verdict == "fault"
    assert f"refuses the sender {SENDER} (550 5.7.1 who are you): check WHOCHANGED_MAIL_FROM" in answer.said
    mailbox.refusals[SENDER] = "552 5.3.4 too large"
    assert _try(mailbox.server()).verdict == "refused"


@pytest.mark.parametrize(
    "greeting,verdict", [("421 4.3.2 busy", "again"), ("554 5.7.1 go away", "fault"), ("drop", "again")]
)
def test_a_server_that_does_not_let_us_in(mailbox: Mailbox, greeting: str, verdict: str) -> None:
    mailbox.greeting = greeting
    assert _try(mailbox.server()).verdict == verdict


def test_an_unreachable_server_is_a_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answer = _try(MailServer("127.0.0.1", port))
    assert answer.verdict == "fault"
    assert answer.said.startswith(f"cannot reach mail server 127.0.0.1, port {port} (Connection refused): check ")
    assert _try(MailServer("mail.invalid", 25)).verdict == "fault"


def test_starttls_and_login(trusted: Authority) -> None:
    with running(Mailbox(), tls=trusted.context("localhost"), login=True) as mailbox:
        assert _try(mailbox.server("starttls", host="localhost", **LOGIN)).verdict == "sent"
        assert mailbox.logins == [(USER, True)]


def test_tls_from_the_start(trusted: Authority) -> None:
    with running(Mailbox(), tls=trusted.context("localhost"), wrapped=True, login=True) as mailbox:
        assert _try(mailbox.server("tls", host="localhost", **LOGIN)).verdict == "sent"
        assert mailbox.addresses() == [ANA]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_is_not_trusted_is_refused(authority: Authority, security: str) -> None:
    with running(Mailbox(), tls=authority.context("localhost"), wrapped=security == "tls", login=True) as mailbox:
        answer = _try(mailbox.server(security, host="localhost", **LOGIN))  # type: ignore[arg-type]
        assert answer.verdict == "fault"
        assert "is not trusted" in answer.said
        assert "SSL_CERT_FILE" in answer.said
        assert (mailbox.logins, mailbox.taken) == ([], [])


def test_a_certificate_for_another_name_is_refused(trusted: Authority) -> None:
    with running(Mailbox(), tls=trusted.context("other.test")) as mailbox:
        answer = _try(mailbox.server("starttls", host="localhost"))
        assert answer.verdict == "fault"
        assert "ostname mismatch" in answer.said


def test_what_the_server_does_not_offer_is_a_fault(mailbox: Mailbox) -> None:
    for server in (mailbox.server("starttls"), mailbox.server(**LOGIN), mailbox.server("tls")):
        answer = _try(server)
        assert answer.verdict == "fault"
        assert "WHOCHANGED_SMTP_URL" in answer.said
    assert mailbox.taken == []


def test_a_wrong_password_is_a_fault() -> None:
    with running(Mailbox(), login=True) as mailbox:
        answer = _try(mailbox.server(user=USER, password="wrong"))
        assert answer.verdict == "fault"
        assert "refuses the login of 'audit' (535" in answer.said
        assert _try(mailbox.server()).verdict == "fault"
        assert _try(mailbox.server(**LOGIN)).verdict == "sent"


@pytest.mark.parametrize(
    "url,expected",
    [
        ("smtp://mail", MailServer("mail", 25)),
        ("smtp://mail:2525/", MailServer("mail", 2525)),
        ("smtps://mail", MailServer("mail", 465, "tls")),
        ("smtp+starttls://a%40b:p%3A%2F@mail", MailServer("mail", 587, "starttls", "a@b", "p:/")),
        ("smtp://[::1]:25", MailServer("::1", 25)),
        ("smtp://mail.münchen.example", MailServer("mail.xn--mnchen-3ya.example", 25)),
    ],
)
def test_the_address_of_a_server(url: str, expected: MailServer) -> None:
    assert parse_server(url, 30) == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://mail",
        "hunter2",
        "smtp://",
        "smtp://:25",
        "smtp://a:hunter2@",
        "smtp://a:hunter2@mail:port",
        "smtp://a:hun/ter2@mail",
        "smtp://a:hunter2#@mail",
        "smtp://a:hunter2@mail:99999",
        "smtp://a@mail",
        "smtp://:hunter2@mail",
        "smtp://a:hunter2@ma il",
        "smtp://a:hunter2@mail..example",
        "smtp://a:hunter2@[::1",
    ],
)
def test_a_wrong_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^WHOCHANGED_SMTP_URL is not usable: ") as caught:
        parse_server(url)
    assert "hun" not in str(caught.value)
    assert "\n" not in str(caught.value)
