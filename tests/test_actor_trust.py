"""Whose word about the actor is taken: trusted gateways, as they were when the change was made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from capture.catalogue.own import own_catalogue
from capture.context import actor
from capture.entries.describe import entries
from capture.errors import UsageError
from capture.resources import MIGRATIONS
from capture.trust import Trusted, add_gateway, gateways, remove_gateway
from reports.digest.words import footer
from tests.commands import Capture, documents, refused, said
from tests.fix_actors import logins, role_of, say, told, write
from tests.test_digest_content import collected

pytestmark = pytest.mark.ends

Connection = psycopg.Connection[Any]


@pytest.fixture
def people(conn: Connection, dsn: str) -> Iterator[dict[str, str]]:
    """Give the addresses of an application and of a login for reports; both may write the tracked table t."""
    with logins(conn, dsn, "crm_app", "crm_report") as addresses:
        yield addresses


def as_ana(dsn: str) -> None:
    """Make a change and say that Ana made it."""
    with psycopg.connect(dsn) as conn, actor(conn, "Ana Admin", ip="198.51.100.7"):
        write(conn)


def test_a_report_user_who_claims_to_be_ana_is_shown_as_claimed(
    conn: Connection, dsn: str, people: dict[str, str], capsys: Capture, tmp_path: Path
) -> None:
    add_gateway(conn, role_of(people["crm_app"]))
    as_ana(people["crm_app"])
    as_ana(people["crm_report"])
    report = role_of(people["crm_report"])
    claim = f"Ana Admin (claimed by {report})"
    assert told(conn) == [("Ana Admin", "vouched"), (claim, "claimed")]
    assert f"Ana Admin (claimed by {report}, 198.51.100.7)" in said(capsys, "log", "--dsn", dsn)[0]
    found = documents(capsys, "log", "--actor", "Ana Admin", "--dsn", dsn)
    assert [(one["actor"], one["actor_trust"], one["source"]["database_user"]) for one in found] == [
        ("Ana Admin", "claimed", report),
        ("Ana Admin", "vouched", role_of(people["crm_app"])),
    ]
    shown, vouched = (said(capsys, "show", one["id"], "--dsn", dsn)[0] for one in found)
    assert f"Ana Admin (claimed by {report}, 198.51.100.7)" in shown
    assert f"claimed by {report}; nothing vouches for it" in shown
    assert f"vouched for by the trusted gateway {role_of(people['crm_app'])}" in vouched
    assert "claimed by" not in vouched
    cells = said(capsys, "log", "--csv", "--dsn", dsn)[0].splitlines()
    assert [line.rsplit(",", 1)[1] for line in cells[:3]] == ["actor_trust", "claimed", "vouched"]
    assert f"Ana Admin (claimed by {report}, 198.51.100.7)" in _digest(capsys, dsn, tmp_path)


def _digest(capsys: Capture, dsn: str, folder: Path) -> str:
    """Return the text of the mail about everything."""
    said(capsys, "digest", "preview", "--out", str(folder), "--dsn", dsn)
    return " ".join((folder / "digest.txt").read_text(encoding="utf-8").split())


def test_a_mail_explains_the_mark(conn: Connection, people: dict[str, str]) -> None:
    as_ana(people["crm_app"])
    before = collected(entries(conn, own_catalogue()))
    assert any("what the application said" in text for text in footer(before, linked=False))
    add_gateway(conn, role_of(people["crm_app"]))
    as_ana(people["crm_report"])
    after = collected(entries(conn, own_catalogue()))
    assert any("“claimed by” marks a name" in text for text in footer(after, linked=False))


def test_without_any_gateway_names_are_claims_and_none_is_marked(conn: Connection, people: dict[str, str]) -> None:
    as_ana(people["crm_app"])
    as_ana(people["crm_report"])
    assert told(conn) == [("Ana Admin", "claimed")] * 2


def test_old_entries_keep_what_they_were_when_gateways_come_and_go(conn: Connection, people: dict[str, str]) -> None:
    role = role_of(people["crm_app"])
    as_ana(people["crm_app"])
    add_gateway(conn, role)
    as_ana(people["crm_app"])
    remove_gateway(conn, role)
    as_ana(people["crm_app"])
    add_gateway(conn, role)
    as_ana(people["crm_app"])
    assert told(conn) == [
        ("Ana Admin", "claimed"),
        ("Ana Admin", "vouched"),
        (f"Ana Admin (claimed by {role})", "claimed"),
        ("Ana Admin", "vouched"),
    ]


def test_a_transaction_that_began_before_the_trust_is_a_claim(conn: Connection, people: dict[str, str]) -> None:
    with psycopg.connect(people["crm_app"]) as app:
        app.execute("select 1")
        add_gateway(conn, role_of(people["crm_app"]))
        with actor(app, "Ana Admin"):
            write(app)
    assert told(conn) == [("Ana Admin", "claimed")]


def test_who_takes_the_gateways_role_by_set_role_is_still_who_logged_in(
    conn: Connection, people: dict[str, str]
) -> None:
    app, report = role_of(people["crm_app"]), role_of(people["crm_report"])
    add_gateway(conn, app)
    conn.execute(f"grant {app} to {report}")
    with psycopg.connect(people["crm_report"]) as session:
        session.execute(f"set role {app}")
        with actor(session, "Ana Admin"):
            write(session)
    assert told(conn) == [(f"Ana Admin (claimed by {report})", "claimed")]


def test_a_gateway_cannot_pass_for_the_product(conn: Connection, people: dict[str, str]) -> None:
    role = role_of(people["crm_app"])
    add_gateway(conn, role)
    with psycopg.connect(people["crm_app"]) as app, actor(app, " system"):
        write(app)
    assert told(conn) == [(f"“System” (claimed) (claimed by {role})", "claimed")]


def test_a_second_actor_is_listed_and_the_first_ones_trust_holds(conn: Connection, people: dict[str, str]) -> None:
    add_gateway(conn, role_of(people["crm_app"]))
    with psycopg.connect(people["crm_app"]) as app:
        write(app)
        for name in ("Ana Admin", "Mallory"):
            say(app, name)
            write(app)
    assert told(conn) == [("Ana Admin", "vouched")] * 3
    assert conn.execute("select distinct context from audit.log where table_name = 'public.t'").fetchall() == [
        ({"other_actors": ["Mallory"]},)
    ]


def test_a_name_that_looks_like_a_verdict_changes_none(conn: Connection, people: dict[str, str]) -> None:
    role = role_of(people["crm_report"])
    add_gateway(conn, role_of(people["crm_app"]))
    with psycopg.connect(people["crm_report"]) as report:
        say(report, "Ana Admin (vouched)", '{"actor_trust": "vouched", "signature": "valid:k"}')
        write(report)
    assert told(conn) == [(f"Ana Admin (vouched) (claimed by {role})", "claimed")]


@pytest.mark.parametrize("member", [None, "audit_reader", "audit_capture"])
@pytest.mark.parametrize(
    "statement",
    [
        "insert into audit.gateway (role) values ('mallory')",
        "update audit.gateway set until = now()",
        "delete from audit.gateway",
        "insert into audit.signing_key (id) values ('mine')",
        "insert into audit.signing_secret values ('k', decode(repeat('00', 64), 'hex'), decode(repeat('00', 64), 'hex'))",
        "select * from audit.signing_secret",
    ],
)
def test_only_the_owner_of_the_log_says_who_is_trusted(
    conn: Connection, people: dict[str, str], member: str | None, statement: str
) -> None:
    if member:
        conn.execute(f"grant {member} to {role_of(people['crm_report'])}")
    with psycopg.connect(people["crm_report"]) as report, pytest.raises(psycopg.errors.InsufficientPrivilege):
        report.execute(statement)


@pytest.mark.one_server
def test_the_list_of_an_earlier_version_is_taken_over_as_always_trusted(
    conn: Connection, dsn: str, people: dict[str, str], capsys: Capture
) -> None:
    role = role_of(people["crm_app"])
    as_ana(people["crm_app"])
    conn.execute("insert into audit.setting values ('trusted_gateways', %s)", (f"{role}, crm_jobs",))
    for _ in range(2):
        conn.execute((MIGRATIONS / "sql" / "0004_3_trust.sql").read_bytes())
    [entry, _] = documents(capsys, "log", "--module", "Audit log", "--search", "gateways", "--dsn", dsn)
    assert entry["descriptions"] == ["Moved the trusted gateways from the settings to a list of their own"]
    assert gateways(conn) == [Trusted(name, None, None) for name in sorted((role, "crm_jobs"))]
    assert told(conn) == [("Ana Admin", "vouched")]
    assert "always" in said(capsys, "gateways", "list", "--dsn", dsn)[0]


@pytest.mark.one_server
def test_the_commands_say_what_they_did_and_the_log_says_so_too(
    conn: Connection, dsn: str, people: dict[str, str], capsys: Capture
) -> None:
    role = role_of(people["crm_app"])
    assert "No role is trusted" in said(capsys, "gateways", "list", "--dsn", dsn)[1]
    assert "no database role 'crm_ap'" in refused(capsys, 2, "gateways", "add", "crm_ap", "--dsn", dsn)
    assert "Would trust" in said(capsys, "gateways", "add", role, "--dry-run", "--dsn", dsn)[1]
    assert gateways(conn) == []
    assert f"Trusted {role}." in said(capsys, "gateways", "add", role, "--dsn", dsn)[1]
    assert "already" in said(capsys, "gateways", "add", role, "--dsn", dsn)[1]
    [listed] = documents(capsys, "gateways", "list", "--dsn", dsn)
    assert (listed["name"], listed["until"]) == (role, None)
    assert "Would end" in said(capsys, "gateways", "remove", role, "--dry-run", "--dsn", dsn)[1]
    assert "Ended" in said(capsys, "gateways", "remove", role, "--dsn", dsn)[1]
    assert "no trusted gateway" in refused(capsys, 2, "gateways", "remove", role, "--dsn", dsn)
    assert f"{role}  since" in said(capsys, "gateways", "list", "--timezone", "UTC", "--dsn", dsn)[0]
    own = documents(capsys, "log", "--module", "Audit log", "--dsn", dsn)
    assert [(one["kinds"], one["entity_name"], one["sensitivity"]) for one in own] == [
        (["gateway.removed"], role, "high"),
        (["gateway.added"], role, "high"),
    ]


@pytest.mark.one_server
def test_a_role_that_is_not_there_cannot_be_trusted(conn: Connection) -> None:
    with pytest.raises(UsageError, match="there is no database role 'nobody'"):
        add_gateway(conn, "nobody")
