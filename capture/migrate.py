"""What surrounds the migrations: roles before, functions, views and partitions after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from typing import Any

import psycopg

from capture import events, repeatable
from capture.errors import ConfigurationError, DatabaseError
from capture.renewal import renew_functions
from capture.resources import MIGRATIONS, query, read_sql

DAYS_AHEAD = 14
_OLDEST_SERVER = 150000


@dataclass(slots=True)
class Steps:
    """What an installation did: names of migrations, files of objects, partitions, watch over DDL; and the settings to store."""

    migrations: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    partitions: list[str] = field(default_factory=list)
    settings: Mapping[str, str] = field(default_factory=dict)
    ddl: events.DdlWatch = field(default_factory=events.DdlWatch)


@cache
def program_version() -> str:
    """Return the version of this program."""
    try:
        return metadata.version("whochanged")
    except metadata.PackageNotFoundError:
        return "0.1.0"


def installed_version(conn: psycopg.Connection[Any]) -> str | None:
    """Return the version that the database was last installed by; None without an installation."""
    with conn.cursor() as cursor:
        # Looked for without a right on the schema: it may be somebody else's.
        if cursor.execute(query("setting_there")).fetchone() is None:
            return None
        cursor.execute("select value from audit.setting where name = 'version'")
        row = cursor.fetchone()
        return str(row[0]) if row else None


def check(conn: psycopg.Connection[Any]) -> None:
    """Refuse a server that is too old and a database of a newer program."""
    if conn.info.server_version < _OLDEST_SERVER:
        raise ConfigurationError(
            f"PostgreSQL {conn.info.server_version // 10000} is too old: use PostgreSQL 15 or newer"
        )
    installed = installed_version(conn)
    if installed and _numbers(installed) > _numbers(program_version()):
        raise ConfigurationError(
            f"the database was installed by whochanged {installed}, this is {program_version()}: upgrade this program"
        )


def require_current(conn: psycopg.Connection[Any]) -> None:
    """Refuse a log that another version of the program installed: an older one lacks what this program reads and writes.

    Raises ConfigurationError, and DatabaseError where there is no log.
    """
    check(conn)
    installed = installed_version(conn)
    if installed is None:
        raise DatabaseError("this database has no audit log yet: run  whochanged install")
    if installed != program_version():
        raise ConfigurationError(
            f"the database was installed by whochanged {installed}, this is {program_version()}: run  whochanged install"
        )


def before(conn: psycopg.Connection[Any]) -> None:
    """Check, then make the roles and the schema, which the migrations' own table needs."""
    check(conn)
    conn.execute(read_sql(MIGRATIONS / "sql" / "roles.sql"))


def after(conn: psycopg.Connection[Any], steps: Steps) -> None:
    """Bring functions and views up to date, make partitions, note cluster and version."""
    steps.objects += repeatable.apply(conn)
    steps.objects += renew_functions(conn)
    conn.execute(query("finish_install"))
    with conn.cursor() as cursor:
        cursor.execute(query("make_partitions"), {"days": DAYS_AHEAD})
        steps.partitions += [str(row[0]) for row in cursor.fetchall()]
        cursor.execute(query("set_version"), {"version": program_version()})
        for name, value in steps.settings.items():
            cursor.execute(query("store_setting"), {"name": name, "value": value})
    # Last, so that what a first installation writes is no change of it.
    conn.execute(query("track_own"))
    was = events.watch(conn)
    steps.ddl = events.make(conn)
    if steps.ddl != was:
        steps.objects.append("events")


def _numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, for comparison."""
    return tuple(int(part) for part in version.split("+", maxsplit=1)[0].split(".") if part.isdigit())
