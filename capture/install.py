"""Install the log into a database, put tables under watch, and take it all away again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import psycopg
from alembic import command
from alembic.config import Config
from psycopg import errors, sql
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from capture import events, migrate, repeatable
from capture.errors import DatabaseError, UsageError
from capture.patience import ATTEMPTS, BUSY, LOCK_TIMEOUT, busy, pause
from capture.renewal import renew_triggers
from capture.resources import MIGRATIONS, query, read_sql

ROLES = ("audit_web", "audit_reader", "audit_capture", "audit_owner")


@dataclass(frozen=True, slots=True)
class InstallReport:
    """What an installation did, or would do."""

    version: str
    migrations: tuple[str, ...]
    objects: tuple[str, ...]
    partitions: tuple[str, ...]
    dry_run: bool = False
    ddl: events.DdlWatch = field(default_factory=events.DdlWatch)

    @property
    def changed(self) -> bool:
        """Whether anything was missing or out of date."""
        return bool(self.migrations or self.objects or self.partitions)


def alembic_config() -> Config:
    """Return Alembic's configuration for the migrations that ship with the program."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def install(
    conn: psycopg.Connection[Any], *, settings: Mapping[str, str] | None = None, dry_run: bool = False
) -> InstallReport:
    """Install the log, or bring it up to date; a second time changes nothing.

    *settings* are values of audit.setting (retention_days, product_roles) that the database is to keep.
    """
    steps = migrate.Steps()
    with _own_transactions(conn):
        for attempt in range(1, ATTEMPTS + 1):
            steps = migrate.Steps(settings=settings or {})
            try:
                _upgrade(conn, steps, dry_run=dry_run)
                break
            except Exception as error:
                conn.rollback()
                cause = _cause(error)
                if cause is None:
                    raise
                if not isinstance(cause, BUSY) or attempt == ATTEMPTS:
                    raise _explained(cause) from error
                pause(attempt)
        if not dry_run:
            steps.objects += renew_triggers(conn)
    return InstallReport(
        migrate.program_version(),
        tuple(steps.migrations),
        tuple(steps.objects),
        tuple(steps.partitions),
        dry_run,
        steps.ddl,
    )


def _upgrade(conn: psycopg.Connection[Any], steps: migrate.Steps, *, dry_run: bool) -> None:
    """Run Alembic on the given connection."""
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: conn, poolclass=StaticPool, pool_reset_on_return=None
    )
    with engine.connect() as connection:
        connection.rollback()
        conn.execute(query("lock_timeout"), (LOCK_TIMEOUT,))
        conn.commit()
        config = alembic_config()
        config.attributes.update(connection=connection, steps=steps, dry_run=dry_run)
        command.upgrade(config, "head")


@contextmanager
def _own_transactions(conn: psycopg.Connection[Any]) -> Iterator[None]:
    """Let the code inside begin and commit, whatever mode the connection is in."""
    if conn.info.transaction_status != TransactionStatus.IDLE:
        raise UsageError("the connection is inside a transaction: commit it before installing")
    before = conn.autocommit
    conn.autocommit = False
    try:
        yield
    finally:
        if not conn.closed:
            conn.rollback()
            conn.execute("reset lock_timeout")
            conn.commit()
            conn.autocommit = before


def _cause(error: BaseException | None) -> psycopg.Error | None:
    """Return the database's error behind an exception."""
    while error is not None:
        if isinstance(error, psycopg.Error):
            return error
        error = error.__cause__ or error.__context__
    return None


def _explained(error: psycopg.Error) -> DatabaseError:
    """Say in one line what the database refused and what to do."""
    said = (error.diag.message_primary or str(error)).splitlines()[0]
    if isinstance(error, BUSY):
        return busy(error)
    if isinstance(error, errors.InsufficientPrivilege):
        return DatabaseError(f"{said}: install as the database's owner with CREATEROLE, or as a superuser")
    return DatabaseError(said)


def track_table(
    conn: psycopg.Connection[Any],
    relation: str,
    *,
    key_columns: Sequence[str] | None = None,
    ignored: Sequence[str] = (),
    masked: Sequence[str] | None = None,
    about: Sequence[str] = (),
    label_column: str | None = None,
    account_column: str | None = None,
    parent_table: str | None = None,
    parent_columns: Sequence[str] | None = None,
    kind: Literal["tracked", "label"] = "tracked",
    registered: bool = False,
    failure: Literal["strict", "available"] = "strict",
) -> int:
    """Call audit.track(); *relation* and *parent_table* are 'schema.table', unquoted. Return the table's number."""
    given = {
        "relation": relation,
        "key_columns": None if key_columns is None else list(key_columns),
        "ignored": list(ignored),
        "masked": None if masked is None else list(masked),
        "about": list(about),
        "label_column": label_column,
        "account_column": account_column,
        "parent_table": parent_table,
        "parent_columns": None if parent_columns is None else list(parent_columns),
        "kind": kind,
        "registered": registered,
        "failure": failure,
    }
    try:
        with conn.cursor() as cursor:
            cursor.execute(query("track"), given)
            row = cursor.fetchone()
    except psycopg.Error as error:
        raise DatabaseError((error.diag.message_primary or str(error)).splitlines()[0]) from error
    assert row is not None  # noqa: S101 - the function returns one row
    return int(row[0])


def install_script() -> str:
    """Return one script for psql that installs the same without Python, all or nothing."""
    header = (
        f"-- whochanged {migrate.program_version()}: installs the log. Safe to run again.\n"
        "-- Run it with:  psql -X -f install.sql DATABASE\n"
        "-- It is one transaction of its own and stops at the first error: then nothing is done, and psql ends with 3."
    )
    parts = [header]
    parts.append(
        "\\set ON_ERROR_STOP on\nbegin;\nset local lock_timeout = '2s';\nset local client_min_messages = warning;"
    )
    parts.append(read_sql(MIGRATIONS / "sql" / "roles.sql"))
    parts.append(query("lock_registry"))
    parts += [read_sql(path) for path in sorted((MIGRATIONS / "sql").glob("0*.sql"))]
    for file in repeatable.files():
        parts.append(file.text)
        parts += [each.comment_statement() for each in file.objects]
    parts.append(query("captures_renew").rstrip() + ";")
    parts.append(query("finish_install"))
    parts.append(query("make_partitions").replace("%(days)s", str(migrate.DAYS_AHEAD)).rstrip() + ";")
    stamp = query("set_version").replace("%(version)s", f"'{migrate.program_version()}'")
    parts.append(f"{stamp.rstrip()};")
    parts.append(query("track_own"))
    parts.append(query("stamp_alembic"))
    parts.append(events.statement().rstrip())
    parts.append("commit;")
    return "\n\n".join(part.strip() for part in parts) + "\n"


def write_catalogue_rows(
    conn: psycopg.Connection[Any], tables: Sequence[dict[str, Any]], columns: Sequence[dict[str, Any]]
) -> None:
    """Replace what the views know of the catalogue, in one transaction.

    A table has table_name, module, entity, label_column, root and soft_delete_column; a column has
    table_name, column_name, module and label. What is left out is NULL.
    """
    with conn.transaction():
        conn.execute(query("write_catalogue_tables"), {"rows": Jsonb(list(tables))})
        conn.execute(query("write_catalogue_columns"), {"rows": Jsonb(list(columns))})


@dataclass(frozen=True, slots=True)
class UninstallReport:
    """What an uninstallation left: the log on request, roles that other databases need."""

    log_kept: bool
    roles_kept: tuple[str, ...]


def uninstall(conn: psycopg.Connection[Any], keep_log: bool = False) -> UninstallReport:  # noqa: FBT001, FBT002 - public
    """Remove triggers, functions and, unless *keep_log*, the log; and the roles that nothing else needs."""
    roles: tuple[str, ...] = ROLES
    with _own_transactions(conn):
        if not is_there(conn):
            conn.rollback()
            return UninstallReport(log_kept=False, roles_kept=())
        try:
            conn.execute(query("lock_timeout"), (LOCK_TIMEOUT,))
            conn.execute(query("uninstall_triggers"))
            conn.execute(query("uninstall_functions" if keep_log else "uninstall_schema"))
            conn.commit()
        except psycopg.Error as error:
            conn.rollback()
            raise _explained(error) from error
        if not keep_log:
            roles = tuple(role for role in ROLES if not _drop_role(conn, role))
    return UninstallReport(log_kept=keep_log, roles_kept=roles)


def is_there(conn: psycopg.Connection[Any]) -> bool:
    """Return whether the database has a log, or what somebody left of one: a schema audit that is the log's owner's.

    Raises DatabaseError where the log is there and somebody gave its schema to another role.
    """
    row = conn.cursor(row_factory=tuple_row).execute(query("is_there")).fetchone()
    if row is not None and not row[0]:
        message = (
            f"the schema of the log belongs to {row[1]}: run  ALTER SCHEMA audit OWNER TO audit_owner  and try again"
        )
        raise DatabaseError(message)
    return row is not None


def roles_left(conn: psycopg.Connection[Any]) -> list[str]:
    """Return the roles of the log that the cluster has."""
    cursor = conn.cursor(row_factory=tuple_row)
    return [row[0] for row in cursor.execute(query("roles_left"), {"names": list(ROLES)}).fetchall()]


def _drop_role(conn: psycopg.Connection[Any], role: str) -> bool:
    """Drop a role unless something depends on it, in this database or another."""
    try:
        conn.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(role)))
        conn.commit()
    except (errors.DependentObjectsStillExist, errors.InsufficientPrivilege):
        conn.rollback()
        return False
    return True
