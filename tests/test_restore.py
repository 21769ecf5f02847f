"""After pg_dump and a restore into another cluster everything goes on: nothing lost, nothing told twice, the move stated."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from pathlib import Path

import psycopg
import pytest

from capture.catalogue import load_shipped
from capture.catalogue.installing import install_catalogue
from capture.coverage import coverage, health
from capture.entries.describe import entries
from capture.install import install
from capture.retention import purge
from capture.window import watermark
from tests.digests import ANA, CATALOGUE, Connection, add, cut, due_again, frozen, rename
from tests.fix_postgres import OPTIONS, TestServer, memory_folder
from whochanged import embedded


@pytest.fixture
def other_cluster(server: TestServer) -> Iterator[embedded.Server]:
    """Give a second, empty cluster of the same version."""
    with tempfile.TemporaryDirectory(prefix="whochanged-other-", dir=memory_folder()) as folder:
        Path(folder).chmod(0o755)
        cluster = embedded.Server(server.process.programs, Path(folder) / "data", OPTIONS, sync=False)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()


def run(server: embedded.Server, program: str, *arguments: str, given: bytes | None = None) -> bytes:
    """Run one of the server's own programs and return what it printed."""
    command = [str(server.programs / program), *arguments]
    return subprocess.run(command, input=given, check=True, capture_output=True).stdout


def move(source: embedded.Server, dsn: str, target: embedded.Server) -> str:
    """Move a database as docs/operations.md says: the roles, then the dump. Return its new address."""
    roles = run(source, "pg_dumpall", "--roles-only", "-d", source.dsn())
    # The superuser of the new cluster is there already.
    run(target, "psql", "-qX", "-d", target.dsn(), given=roles.replace(b"CREATE ROLE postgres;", b""))
    dump = run(source, "pg_dump", "--format=custom", dsn)
    run(target, "createdb", "-h", str(target.socket), "-p", "5432", "-U", "postgres", "moved")
    run(target, "pg_restore", "--exit-on-error", "-d", target.dsn("moved"), given=dump)
    return target.dsn("moved")


def mails(conn: Connection) -> list[str]:
    """Return the text parts of the frozen mails, in their order."""
    found = []
    for row in frozen(conn):
        if row.message is None:
            continue
        message = BytesParser(policy=SMTP).parsebytes(bytes(row.message))
        assert isinstance(message, EmailMessage)
        body = message.get_body(("plain",))
        assert body is not None
        found.append(str(body.get_content()))
    return found


def test_everything_goes_on_in_another_cluster(
    server: TestServer, crm_dsn: str, crm_conn: Connection, other_cluster: embedded.Server
) -> None:
    add(crm_conn)
    rename(crm_conn, "Told before")
    assert [each.mailed for each in cut(crm_conn)] == [True]
    rename(crm_conn, "Not told yet")
    moved = move(server.process, crm_dsn, other_cluster)
    with psycopg.connect(moved, autocommit=True) as conn:
        # Nobody has run a program of ours here yet, and numbers of transactions are far lower than before.
        rename(conn, "Captured at once")
        assert watermark(conn).incarnation == 2
        assert health(conn).moved_to_another_cluster
        due_again(conn)
        assert [each.mailed for each in cut(conn)] == [True]
        assert not health(conn).moved_to_another_cluster
        rename(conn, "Later")
        due_again(conn)
        cut(conn)
        due_again(conn)
        cut(conn)
        first, second, third = mails(conn)
        told = [
            name for name in ("Told before", "Not told yet", "Captured at once", "Later") if f"to “{name}”" in second
        ]
        assert told == ["Not told yet", "Captured at once"]
        assert "to “Told before”" in first
        assert "to “Later”" in third
        assert "moved to another" in " ".join(second.split())
        assert "moved to another" not in " ".join(third.split())
        sentences = [text for entry in entries(conn, CATALOGUE) for text in entry.descriptions]
        assert [sum(f"to “{name}”" in text for text in sentences) for name in ("Told before", "Captured at once")] == [
            1,
            1,
        ]
        assert all(table.ok for table in coverage(conn))
        long_ago = datetime.now(UTC) - timedelta(days=200)
        conn.execute("SELECT audit.make_partitions(3)")
        conn.execute("UPDATE audit.recipient SET added_at = %s WHERE email = %s", (long_ago, ANA))
        assert not purge(conn).days


def test_a_data_only_restore_leaves_triggers_that_install_repairs(
    server: TestServer, crm_dsn: str, crm_conn: Connection
) -> None:
    """pg_restore --disable-triggers enables them again, but not as ENABLE ALWAYS: status says so, install puts it right."""
    dump = run(server.process, "pg_dump", "--format=custom", "--data-only", "--table=crm.territories", crm_dsn)
    before = len(list(entries(crm_conn, CATALOGUE)))
    crm_conn.execute("DELETE FROM crm.assignment_rules; DELETE FROM crm.territories")
    run(server.process, "pg_restore", "--data-only", "--disable-triggers", "-d", crm_dsn, given=dump)
    (found,) = [table for table in coverage(crm_conn) if table.table_name == "crm.territories"]
    assert not found.ok
    install(crm_conn)
    install_catalogue(crm_conn, load_shipped())
    assert all(table.ok for table in coverage(crm_conn))
    crm_conn.execute("UPDATE crm.territories SET name = 'Again' WHERE id = 1")
    assert len(list(entries(crm_conn, CATALOGUE))) > before + 1
