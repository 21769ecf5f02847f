"""One request to the webhook: signed, verified, bounded in time, and judged by its answer alone."""

from __future__ import annotations

import time

import pytest

from capture.errors import ConfigurationError
from reports.alerts.webhook import Webhook, new_secret, parse_webhook, post
from tests.fix_http import SECRET, Receiver, receiving
from tests.fix_smtp import Authority

ID, BODY = "alert_1", b'{"type":"audit.alert"}'


def test_a_request_is_signed_as_standard_webhooks_has_it(receiver: Receiver) -> None:
    reply = post(receiver.webhook(), ID, BODY)
    assert (reply.verdict, reply.said) == ("sent", "204 No Content")
    (got,) = receiver.got
    assert got.is_signed_with(SECRET)
    assert not got.is_signed_with(new_secret())
    assert (got.path, got.body, got.headers["webhook-id"]) == ("/hook?token=hunter2", BODY, ID)
    assert got.headers["idempotency-key"] == ID
    assert got.headers["content-type"] == "application/json"
    assert abs(int(got.headers["webhook-timestamp"]) - time.time()) < 60


def test_the_published_example_of_a_signature_is_ours_too(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    """The vector of the reference libraries: a fixed secret, id and time."""
    monkeypatch.setattr("reports.alerts.webhook.time.time", lambda: 1614265330)
    webhook = receiver.webhook(secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    post(webhook, "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}')
    assert receiver.got[0].headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_a_secret_is_replaced_both_sign(receiver: Receiver) -> None:
    other = new_secret()
    post(receiver.webhook(secret=f"{SECRET} {other}\n"), ID, BODY)
    assert receiver.got[0].is_signed_with(SECRET)
    assert receiver.got[0].is_signed_with(other)


@pytest.mark.parametrize(
    "answer, verdict, down",
    [
        (200, "sent", False),
        (202, "sent", False),
        (301, "again", True),
        (307, "again", True),
        (400, "again", False),
        (401, "again", True),
        (404, "again", True),
        (410, "gone", True),
        (413, "again", False),
        (429, "again", True),
        (500, "again", True),
        (503, "again", True),
        ("drop", "again", True),
        ("garbage", "again", True),
    ],
)
def test_an_answer_says_what_becomes_of_a_request(
    receiver: Receiver, answer: int | str, verdict: str, down: bool
) -> None:
    receiver.answers = [answer]
    receiver.headers = {"Location": receiver.url("/elsewhere?token=hunter2"), "Content-Length": "0"}
    reply = post(receiver.webhook(), ID, BODY)
    assert (reply.verdict, reply.down) == (verdict, down)
    assert len(receiver.got) == 1
    assert "hunter2" not in reply.said
    assert len(reply.said.splitlines()) == 1


@pytest.mark.parametrize("answer", ["stall", "drip"])
def test_a_receiver_that_takes_its_time_gets_so_much_for_the_whole_request(receiver: Receiver, answer: str) -> None:
    receiver.answers = [answer]
    began = time.monotonic()
    reply = post(receiver.webhook(timeout=0.5), ID, BODY)
    assert reply.verdict == "again"
    assert "gave no answer in 0.5 seconds" in reply.said
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "value, wait",
    [("120", 120), ("999999", 6 * 3600), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("soon", None), ("-1", None)],
)
def test_a_receiver_may_ask_us_to_wait(receiver: Receiver, value: str, wait: float | None) -> None:
    receiver.answers, receiver.headers = [429], {"Retry-After": value}
    assert post(receiver.webhook(), ID, BODY).wait == wait


def test_nobody_at_home_is_tried_again() -> None:
    webhook = parse_webhook("http://127.0.0.1:9/hook", SECRET, 2)
    reply = post(webhook, ID, BODY)
    assert (reply.verdict, reply.down) == ("again", True)
    assert "cannot be reached" in reply.said


def test_a_certificate_is_checked(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving(Receiver(host="localhost"), authority.context("localhost")) as receiver:
        reply = post(receiver.webhook(), ID, BODY)
        assert "is not trusted" in reply.said
        assert receiver.got == []
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        assert post(receiver.webhook(), ID, BODY).verdict == "sent"
    with receiving(Receiver(host="localhost"), authority.context("elsewhere.test")) as receiver:
        assert "is not trusted" in post(receiver.webhook(), ID, BODY).said


def test_a_login_in_the_address_is_sent_as_one(receiver: Receiver) -> None:
    webhook = parse_webhook(receiver.url().replace("://", "://ana:s%40crt@"), SECRET)
    post(webhook, ID, BODY)
    assert receiver.got[0].headers["authorization"] == "Basic YW5hOnNAY3J0"


@pytest.mark.parametrize(
    "url, secret, said",
    [
        ("ftp://hooks.example.com/hunter2", SECRET, "must look like https://"),
        ("hooks.example.com/hunter2", SECRET, "must look like https://"),
        ("https:///hunter2", SECRET, "must look like https://"),
        ("https://hooks.example.com:port/hunter2", SECRET, "host or port cannot be read"),
        ("http://hooks.example.com/hunter2", SECRET, "write https://"),
        ("https://hooks.example.com/hun ter2", SECRET, "letters that no address may have"),
        ("https://hooks.example.com/", "hunter2", "must be whsec_"),
        ("https://hooks.example.com/", "whsec_hunter2", "must be whsec_"),
        ("https://hooks.example.com/", "whsec_aHVudGVyMg==", "must be whsec_"),
        ("https://hooks.example.com/", " ", "is empty"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_and_not_repeated(url: str, secret: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_webhook(url, secret)
    assert said in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert str(refused.value).startswith("WHOCHANGED_WEBHOOK_")


def test_a_webhook_shows_neither_path_nor_secret() -> None:
    webhook = parse_webhook("https://ana:hunter2@hooks.example.com/hunter2?hunter2", SECRET)
    assert isinstance(webhook, Webhook)
    for said in (repr(webhook), str(webhook)):
        assert "hunter2" not in said
        assert SECRET not in said
        assert "hooks.example.com" in said
