"""Wrong sign-ins by the thousand: nobody gets in by them, the admin still does, and the log tells of them without drowning."""

from __future__ import annotations

import os
import threading

import httpx2
import pytest

from reports.web.config import HashCost
from reports.web.secrets import Secret
from reports.web.signin import passwords, throttle
from tests.fix_web import PASSWORD, Browser, Site, served

pytestmark = pytest.mark.one_server

WRONG = int(os.environ.get("WHOCHANGED_SIGN_INS", "300"))
"""Wrong sign-ins; `make test-long` tries ten thousand."""


def wrong(browser: Browser, number: int, *, name: str = "ada") -> list[httpx2.Response]:
    """Try so many passwords, with one form, as a program would."""
    token = browser.form()
    return [
        browser.client.post("/sign-in", data={"csrf": token, "name": name, "password": f"guess number {one}"})
        for one in range(number)
    ]


def watched(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return a list that gets, for each password that is looked at, whether anybody has the name."""
    looked: list[bool] = []
    verify = passwords.verify

    def counting(password: str, kept: str | None, cost: HashCost) -> bool:
        looked.append(kept is not None)
        return verify(password, kept, cost)

    monkeypatch.setattr(passwords, "verify", counting)
    return looked


def test_ten_thousand_wrong_sign_ins_are_looked_at_ten_times_and_do_not_lock_the_admin_out(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = watched(monkeypatch)
    own = site.signed_in("ada")
    looked.clear()
    answers = wrong(site.browser("203.0.113.9"), WRONG)
    assert [answer.status_code for answer in answers[:11]] == [401] * 10 + [429]
    # A try comes back in ten minutes: for as long as this takes, one or two at most.
    assert len(looked) <= 12
    assert int(answers[-1].headers["retry-after"]) <= 600
    # From elsewhere even the right password is not looked at now, so that finding it tells nobody.
    assert site.browser("203.0.113.10").sign_in("ada").status_code == 429
    # Ada's own browser is known, whatever strangers do.
    own.post("/sign-out", page="/")
    assert own.sign_in("ada").status_code == 303
    # And time heals: nobody is locked out for good.
    site.run("UPDATE audit.web_attempt SET at = at - interval '10 minutes'")
    assert site.browser("203.0.113.10").sign_in("ada").status_code == 303


def test_the_log_tells_of_them_at_one_ten_and_a_hundred(site: Site) -> None:
    wrong(site.browser("203.0.113.9"), 120)
    assert site.told("access.refused") == [
        "Refused 100 sign-ins to the audit log within the hour as Ada Admin by password (203.0.113.9)",
        "Refused 10 sign-ins to the audit log within the hour as Ada Admin by password (203.0.113.9)",
        "Refused a sign-in to the audit log as Ada Admin by password (203.0.113.9)",
    ]
    assert site.run("SELECT attempts FROM audit.access WHERE kind = 'refused'") == [(100,)]


def test_what_was_typed_as_a_name_is_kept_nowhere(site: Site) -> None:
    secret = "my-password-in-the-wrong-field"
    assert site.browser().sign_in(secret, "x").status_code == 401
    assert site.told("access.refused") == ["Refused a sign-in to the audit log by password (198.51.100.1)"]
    for table in ("access", "change", "transaction", "web_attempt"):
        assert site.run(f"SELECT count(*) FROM audit.{table} AS t WHERE t::text LIKE %s", f"%{secret}%") == [(0,)]


def test_many_names_from_one_address_are_held_up_too(site: Site) -> None:
    browser, token = site.browser("203.0.113.9"), None
    codes = []
    for one in range(40):
        token = token or browser.form()
        answer = browser.client.post("/sign-in", data={"csrf": token, "name": f"name{one}", "password": "guess"})
        codes.append(answer.status_code)
    assert codes[:30] == [401] * 30
    assert set(codes[31:]) == {429}
    # The others of that network only: an address of IPv6 is counted with those that one customer has.
    assert throttle.network("2001:db8:1:2:3:4:5:6") == throttle.network("2001:db8:1:2::1")
    assert throttle.network("2001:db8:1:2::1") != throttle.network("2001:db8:1:3::1")


def test_many_addresses_fill_no_log(site: Site) -> None:
    import psycopg

    from reports.web.journal import note_refused

    secret = Secret()
    with psycopg.connect(site.dsn, autocommit=True) as conn:
        secret.load(conn)
        for one in range(250):
            note_refused(conn, secret, name=None, method="password", address=f"203.0.{one}.1")
    rows = site.run("SELECT address, attempts FROM audit.access WHERE kind = 'refused' ORDER BY id DESC")
    assert len(rows) == 101
    assert rows[0] == (None, 100)
    assert "Refused 100 sign-ins to the audit log within the hour by password (many addresses)" in site.told(
        "access.refused"
    )


def test_tries_at_the_same_time_are_no_more_than_one_after_the_other(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = watched(monkeypatch)
    with served(site.app, "127.0.0.1") as address:
        clients = [httpx2.Client(base_url=address, headers={"Host": "testserver"}) for _ in range(6)]
        threads = [threading.Thread(target=wrong, args=(Browser(client), 4)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for client in clients:
            client.close()
    assert len(looked) == 10


def test_a_forged_device_is_a_stranger(site: Site) -> None:
    olga = site.signed_in("olga")
    device = olga.client.cookies["whochanged_device"]
    wrong(site.browser("203.0.113.9"), 11)
    # Olga's browser is known for Olga: that makes it no friend of Ada's.
    assert olga.post("/sign-out", page="/").status_code == 303
    assert olga.sign_in("ada").status_code == 429
    forged = site.browser(cookies={"whochanged_device": device[:-2] + "xx"})
    assert forged.sign_in("ada").status_code == 429


def test_a_name_that_nobody_has_takes_the_same_way(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = watched(monkeypatch)
    codes = {
        name: [answer.status_code for answer in wrong(site.browser(address), 12, name=name)]
        for name, address in (("ada", "203.0.113.1"), ("nobody", "203.0.113.2"))
    }
    assert codes["ada"] == codes["nobody"]
    assert looked == [True] * 10 + [False] * 10


def test_the_operator_lets_a_held_up_account_in_again(site: Site) -> None:
    from whochanged.cli import run

    wrong(site.browser("203.0.113.9"), 11)
    assert site.browser().sign_in("ada").status_code == 429
    assert run(["users", "enable", "ada", "--dsn", site.dsn]) == 0
    assert site.browser().sign_in("ada", PASSWORD).status_code == 303
