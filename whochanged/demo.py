"""The working day of the demo: a database of its own, the reference CRM in it, and what people save in a day."""

from __future__ import annotations

import json
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from capture.errors import ConfigurationError, DatabaseError, UsageError
from whochanged.database import connect
from whochanged.demo_readers import add_readers, make_old_changes, trust_the_application

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MARK = "The database of whochanged demo: dropped and made anew whenever the demo runs."

_OVER = time(18)


@dataclass(frozen=True, slots=True)
class Save:
    """One transaction of the day."""

    at: time
    actor: str | None
    ip: str | None
    role: str
    request_id: str | None
    statements: str
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """What happens in the day, and the rows that must be there before it begins."""

    setup: str
    application: str
    saves: tuple[Save, ...]

    @property
    def roles(self) -> tuple[str, ...]:
        """The database roles that connect, the application's own first."""
        return (self.application, *sorted({save.role for save in self.saves} - {self.application}))

    def date(self, zone: tzinfo) -> date:
        """The last date on which the whole day is over."""
        now = datetime.now(UTC).astimezone(zone)
        over = now.time() > max(_OVER, *(save.at for save in self.saves))
        return now.date() if over else now.date() - timedelta(days=1)


def example(name: str) -> str:
    """The text of a file of the reference CRM, from the wheel or from the checkout."""
    package = Path(str(files("capture")))
    for examples in (package / "_data" / "examples", package.parent / "examples"):
        found = examples / "cloudfon_cx" / name
        if found.is_file():
            return found.read_text(encoding="utf-8")
    message = f"the example CRM is not in this installation ({name} is missing): install whochanged again"
    raise ConfigurationError(message)


def read_day() -> Day:
    """The day as its file tells it."""
    told = tomllib.loads(example("day.toml"))
    people: Mapping[str, str] = told["people"]
    application: str = told["application"]
    saves = [_save(number, save, people, application) for number, save in enumerate(told["save"], 1)]
    return Day(told["setup"], application, tuple(saves))


def _save(number: int, told: Mapping[str, Any], people: Mapping[str, str], application: str) -> Save:
    actor = told.get("by")
    return Save(
        at=time.fromisoformat(told["at"]),
        actor=actor,
        ip=None if actor is None else people[actor],
        role=told.get("role", application),
        request_id=told.get("request_id", f"req-{7300 + 37 * number:x}" if actor else None),
        statements=told["sql"],
        kinds=tuple(told["kinds"]),
    )


def prepare(address: str, day: Day, *, database: str | None) -> str:
    """Make the demo's database, load the CRM, install the log; gives its address.

    Without a name it is the database of the address itself, which must be empty or an earlier demo's.
    """
    own = _make_database(address, database)
    with connect(own, autocommit=True) as connection:
        connection.execute(example("schema.sql").encode())
        connection.execute(example("seed.sql").encode())
        connection.execute(day.setup.encode())
        _make_roles(connection, day)
    with connect(own, autocommit=True) as connection:
        _install(connection, day)
    return own


def _make_database(address: str, database: str | None) -> str:
    words = conninfo_to_dict(address)
    name = database or str(words.get("dbname") or "postgres")
    own = make_conninfo(address, dbname=name)
    # A database cannot be dropped from inside: template1 is always there.
    with connect(make_conninfo(address, dbname="template1"), autocommit=True) as connection:
        rights = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
        if rights is None or not rights[0]:
            message = (
                "the demo acts for several database roles: give --dsn of a superuser, or none for the embedded server"
            )
            raise DatabaseError(message)
        mark = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
        found = connection.execute(mark, (name,)).fetchone()
        if found is not None and found[0] != MARK and not _is_empty(own):
            message = (
                f"database '{name}' holds something else than an earlier demo: name another with --dsn, or drop it"
            )
            raise UsageError(message)
        identifier = sql.Identifier(name)
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(identifier))
        connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(identifier, MARK))
    return own


def _is_empty(address: str) -> bool:
    with connect(address) as connection:
        tables = "SELECT FROM pg_catalog.pg_stat_user_tables LIMIT 1"
        return connection.execute(tables).fetchone() is None


def _make_roles(connection: psycopg.Connection[Any], day: Day) -> None:
    for role in day.roles:
        name = sql.Identifier(role)
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is None:
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(name))
        for grant in ("USAGE ON SCHEMA crm", "ALL ON ALL TABLES IN SCHEMA crm", "ALL ON ALL SEQUENCES IN SCHEMA crm"):
            connection.execute(sql.SQL("GRANT " + grant + " TO {}").format(name))


def _install(connection: psycopg.Connection[Any], day: Day) -> None:
    from capture.baseline import take_missing
    from capture.catalogue import load_shipped
    from capture.catalogue.installing import install_catalogue
    from capture.install import install

    install(connection, settings={"product_roles": day.application})
    trust_the_application(connection, day.application)
    install_catalogue(connection, load_shipped())
    take_missing(connection, lambda _: None)


def play(address: str, day: Day, zone: tzinfo) -> Iterator[int]:
    """Make every save of the day, giving the number of each; then move them to their clock times."""
    times: dict[int, datetime] = {}
    date = day.date(zone)
    with connect(address, autocommit=True) as connection:
        _spread(connection, make_old_changes(connection))
        add_readers(connection, zone, date)
        for number, save in enumerate(day.saves, 1):
            xid = _make(connection, save)
            times[xid] = datetime.combine(date, save.at, tzinfo=zone) + timedelta(seconds=number * 17 % 60)
            yield number
        _spread(connection, times)


def _make(connection: psycopg.Connection[Any], save: Save) -> int:
    application = "cloudfon-web" if save.actor else "cloudfon-jobs" if save.request_id else "psql"
    with _session(connection, save.role), connection.transaction():
        connection.execute("SET LOCAL search_path = crm")
        connection.execute("SELECT set_config('application_name', %s, true)", (application,))
        context = {name: value for name, value in (("ip", save.ip), ("request_id", save.request_id)) if value}
        connection.execute("SELECT set_config('audit.context', %s, true)", (json.dumps(context) if context else "",))
        connection.execute("SELECT set_config('audit.actor', %s, true)", (save.actor or "",))
        connection.execute(save.statements.encode())
        row = connection.execute("SELECT pg_current_xact_id()::text").fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _session(connection: psycopg.Connection[Any], role: str) -> Iterator[None]:
    """Act as that role had connected: the log keeps the session's user, which SET ROLE would not change."""
    connection.execute(sql.SQL("SET SESSION AUTHORIZATION {}").format(sql.Identifier(role)))
    try:
        yield
    finally:
        connection.execute("RESET SESSION AUTHORIZATION")


def _spread(connection: psycopg.Connection[Any], times: Mapping[int, datetime]) -> None:
    """Move the transactions to their clock times: only a superuser can, and only the demo does."""
    for day in sorted({at.astimezone(UTC).date() for at in times.values()}):
        for parent in ("transaction", "change"):
            connection.execute(_partition(parent, day))
    rows = [(at, str(xid)) for xid, at in times.items()]
    with connection.transaction(), connection.cursor() as cursor:
        for parent in ("transaction", "change"):
            move = sql.SQL("UPDATE audit.{} SET at = %s WHERE transaction_id = %s::xid8")
            cursor.executemany(move.format(sql.Identifier(parent)), rows)


def _partition(parent: str, day: Any) -> sql.Composed:
    create = sql.SQL(
        "CREATE TABLE IF NOT EXISTS audit.{name} PARTITION OF audit.{parent} FOR VALUES FROM ({first}) TO ({next});"
        "ALTER TABLE audit.{name} OWNER TO audit_owner"
    )
    first, following = (f"{edge:%Y-%m-%d} 00:00:00+00" for edge in (day, day + timedelta(days=1)))
    name = sql.Identifier(f"{parent}_{day:%Y%m%d}")
    return create.format(name=name, parent=sql.Identifier(parent), first=first, next=following)
