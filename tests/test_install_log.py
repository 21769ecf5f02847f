"""Installing, installing again, as whom, and taking it away."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command

from capture import migrate
from capture.coverage import coverage, health, outdated_objects
from capture.errors import ConfigurationError, DatabaseError, UsageError
from capture.events import DdlWatch
from capture.install import alembic_config, install, install_script, track_table, uninstall
from capture.partitions import list_partitions, make_ahead

pytestmark = pytest.mark.ends

Connection = psycopg.Connection[Any]

INVENTORY = """
select 'class ' || c.oid::regclass || ' ' || c.relkind::text || ' ' || c.relowner::regrole || ' ' || coalesce(c.relacl::text, '')
  || ' ' || coalesce(obj_description(c.oid, 'pg_class'), '')
from pg_class c where c.relnamespace = 'audit'::regnamespace
union all
select 'proc ' || p.oid::regprocedure || ' ' || p.proowner::regrole || ' ' || coalesce(p.proacl::text, '') || md5(p.prosrc)
  || p.prosecdef || coalesce(p.proconfig::text, '') || coalesce(obj_description(p.oid, 'pg_proc'), '')
from pg_proc p where p.pronamespace = 'audit'::regnamespace
union all
select 'column ' || a.attrelid::regclass || ' ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
  || ' ' || coalesce(col_description(a.attrelid, a.attnum), '')
from pg_attribute a join pg_class c on c.oid = a.attrelid where c.relnamespace = 'audit'::regnamespace and a.attnum > 0
union all select 'setting ' || name || value from audit.setting
union all select 'version ' || version_num from audit.alembic_version
order by 1
"""


def inventory(conn: Connection) -> list[str]:
    """Return everything that the installation made."""
    return [row[0] for row in conn.execute(INVENTORY).fetchall()]


def test_twice_and_dry_run(empty_dsn: str) -> None:
    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        assert install(conn, dry_run=True).changed
        assert conn.execute("select to_regnamespace('audit')").fetchone() == (None,)
        assert install(conn).changed
        before = inventory(conn)
        assert not install(conn).changed
        assert inventory(conn) == before
        assert conn.autocommit
        assert len(list_partitions(conn)) == 2 * 15
        assert make_ahead(conn, 15) != []
        assert make_ahead(conn, 15) == []


def test_changed_function_is_put_back(conn: Connection) -> None:
    before = inventory(conn)
    conn.execute("comment on function audit.capture() is 'older'")
    assert outdated_objects(conn) == ["triggers/capture.sql", "triggers/owner.sql"]
    assert install(conn).objects == ("triggers/capture.sql", "triggers/owner.sql")
    assert inventory(conn) == before


def test_alembic_alone_and_script_give_the_same(
    dsn: str, empty_dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        wanted = inventory(conn)
    script = tmp_path / "install.sql"
    script.write_text(install_script())
    assert install_script() == script.read_text()
    for _ in range(2):
        subprocess.run(["psql", "-qX", "-f", script, empty_dsn], check=True, capture_output=True)  # noqa: S607
    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        assert inventory(conn) == wanted
        assert not install(conn).changed
        conn.execute("drop schema audit cascade")
    parts = psycopg.conninfo.conninfo_to_dict(empty_dsn)
    monkeypatch.setenv("WHOCHANGED_DATABASE_URL", "postgresql://")
    for name in ("host", "port", "user", "dbname"):
        monkeypatch.setenv({"dbname": "PGDATABASE"}.get(name, f"PG{name.upper()}"), str(parts[name]))
    command.upgrade(alembic_config(), "head")
    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        assert inventory(conn) == wanted


def test_older_program_is_refused(conn: Connection) -> None:
    conn.execute("update audit.setting set value = '99.0.0' where name = 'version'")
    with pytest.raises(ConfigurationError, match="upgrade this program"):
        install(conn)


def test_busy_database_is_not_blocked(conn: Connection, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capture.install.LOCK_TIMEOUT", "100ms")
    conn.execute("comment on view audit.log is 'older'")
    with psycopg.connect(dsn) as other:
        other.execute("lock table audit.log in access share mode; select * from audit.log")
        with pytest.raises(DatabaseError, match="the database is busy"):
            install(conn)
    assert install(conn).objects == ("views/log.sql",)


def test_open_transaction_is_refused(conn: Connection) -> None:
    with conn.transaction(), pytest.raises(UsageError, match="commit it before"):
        install(conn)


def test_installer_without_superuser(empty_dsn: str) -> None:
    with psycopg.connect(empty_dsn, autocommit=True) as root:
        root.execute("create role dba login createrole; create role app login")
        let_grant(root, "dba")
        root.execute("create schema shop authorization dba; grant create on schema public to dba")
        root.execute(f'alter database "{root.info.dbname}" owner to dba')
        try:
            with psycopg.connect(empty_dsn, user="dba", autocommit=True) as dba:
                assert install(dba).ddl == DdlWatch(
                    "DDL on tracked tables is neither refused nor logged: run  whochanged install  as a superuser"
                )
                assert not install(dba).changed
                dba.execute(
                    "create table shop.t (id int primary key); grant usage on schema shop to app; grant all on shop.t to app"
                )
                track_table(dba, "shop.t", registered=True)
                assert coverage(dba)[0].ok
                make_ahead(dba, 16)
                with psycopg.connect(empty_dsn, user="app", autocommit=True) as app:
                    app.execute("insert into shop.t values (1); update shop.t set id = 2; truncate shop.t")
                    for forbidden in (
                        "select * from audit.log",
                        "delete from audit.change",
                        "select audit.track('shop.t')",
                        "select audit.write_transaction()",
                        "alter table shop.t disable trigger all",
                    ):
                        with pytest.raises(psycopg.errors.InsufficientPrivilege):
                            app.execute(forbidden)
                dba.execute("grant audit_reader to app")
                with psycopg.connect(empty_dsn, user="app", autocommit=True) as app:
                    assert app.execute("select count(*), max(database_user) from audit.log").fetchone() == (4, "app")
                    assert app.execute("select count(*) from audit.log_field").fetchone() == (3,)
                dba.execute("revoke audit_reader from app")
                assert dba.execute("select audit.untrack('shop.t')") is not None
                uninstall(dba)
                assert dba.execute("select to_regnamespace('audit')").fetchone() == (None,)
        finally:
            uninstall(root)
            root.execute("drop owned by app, dba cascade")
            root.execute(f'alter database "{root.info.dbname}" owner to postgres')
            root.execute("drop role app, dba")


def let_grant(root: Connection, role: str) -> None:
    """Roles that another database of the server made: their maker, here the superuser, must allow their use."""
    for row in root.execute(r"select rolname from pg_roles where rolname like 'audit\_%'").fetchall():
        root.execute(f"grant {row[0]} to {role} with admin option")


def test_uninstall(conn: Connection) -> None:
    conn.execute("create table t (id int primary key)")
    track_table(conn, "public.t")
    conn.execute("insert into t values (1)")
    assert uninstall(conn, keep_log=True).log_kept
    conn.execute("insert into t values (2)")
    logged = "select count(*) from audit.log where table_name = 'public.t'"
    assert conn.execute(logged).fetchone() == (1,)
    install(conn)
    assert [table.table_name for table in coverage(conn) if not table.table_name.startswith("audit.")] == []
    track_table(conn, "public.t")
    conn.execute("insert into t values (3)")
    assert conn.execute(logged).fetchone() == (2,)
    uninstall(conn)
    left = conn.execute("select count(*) from pg_trigger where tgname like 'audit%'").fetchone()
    assert left == (0,)
    assert conn.execute("select to_regnamespace('audit')").fetchone() == (None,)
    assert conn.execute("select relacl::text from pg_class where relname = 't'").fetchone() in [
        (None,),
        ("{postgres=arwdDxt/postgres}",),
        ("{postgres=arwdDxtm/postgres}",),
    ]
    conn.execute("insert into t values (4)")
    assert uninstall(conn).roles_kept == ()


def test_coverage_finds_what_is_missing(conn: Connection) -> None:
    conn.execute(
        "create table t (id int, n text) partition by range (id); create table t1 partition of t for values from (0) to (9)"
    )
    number = track_table(conn, "public.t", about=["n"])
    assert coverage(conn)[0].ok
    conn.execute("alter event trigger audit_new_partitions disable")
    conn.execute("create table t2 partition of t for values from (9) to (20)")
    assert coverage(conn)[0].partitions_without_trigger == ["t2"]
    assert track_table(conn, "public.t", about=["n"]) == number
    assert coverage(conn)[0].ok
    conn.execute("alter table t1 disable trigger audit_update")
    assert not coverage(conn)[0].ok
    track_table(conn, "public.t", about=["n"])
    assert coverage(conn)[0].ok
    conn.execute(
        "drop trigger audit_update on t;"
        "create trigger audit_update after update on t execute function suppress_redundant_updates_trigger()"
    )
    assert not coverage(conn)[0].ok
    with pytest.raises(DatabaseError, match=r"table public\.t has a trigger audit_update of its own: rename it"):
        track_table(conn, "public.t", about=["n"])
    conn.execute("drop trigger audit_update on t")
    track_table(conn, "public.t", about=["n"])
    assert coverage(conn)[0].ok
    conn.execute("alter table t rename column n to m")
    assert (coverage(conn)[0].columns_missing, coverage(conn)[0].columns_since) == ([], ["m (was n)"])
    conn.execute("drop table t")
    assert not coverage(conn)[0].exists
    found = health(conn)
    assert (found.installed_version, found.partitions_ahead) == (migrate.program_version(), 14)
    assert (found.spilled_changes, found.moved_to_another_cluster) == (0, False)


def test_another_cluster_is_noticed(conn: Connection) -> None:
    conn.execute("update audit.incarnation set system_identifier = 1")
    assert health(conn).moved_to_another_cluster
    install(conn)
    assert not health(conn).moved_to_another_cluster
    assert conn.execute("select array_agg(id order by id) from audit.incarnation").fetchone() == ([1, 2],)


def test_everything_is_explained(conn: Connection) -> None:
    bare = conn.execute(
        "select c.oid::regclass::text from pg_class c where c.relnamespace = 'audit'::regnamespace and c.relkind in ('r', 'p', 'v')"
        " and not c.relispartition and c.relname <> 'alembic_version' and obj_description(c.oid, 'pg_class') is null"
        " union all select p.oid::regprocedure::text from pg_proc p where p.pronamespace = 'audit'::regnamespace"
        " and obj_description(p.oid, 'pg_proc') is null"
        " union all select c.relname || '.' || a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid"
        " where c.relnamespace = 'audit'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and a.attnum > 0"
        " and c.relname !~ 'spill|alembic' and col_description(c.oid, a.attnum) is null"
    ).fetchall()
    assert bare == []


def test_a_yes_no_column_is_no_soft_delete_in_the_view(crm_conn: psycopg.Connection[Any]) -> None:
    crm_conn.execute("UPDATE crm.crm_settings SET lead_scoring_enabled = true, block_email_to_dnd = true")
    crm_conn.execute("UPDATE crm.territories SET deleted_at = now() WHERE id = 1")
    crm_conn.execute("UPDATE crm.territories SET deleted_at = NULL WHERE id = 1")
    rows = crm_conn.execute("SELECT change_type FROM audit.log ORDER BY id").fetchall()
    assert [row[0] for row in rows] == ["Updated", "Deleted", "Updated"]
