"""Find the SQL and migration files, alike in a checkout, an editable install and a wheel."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import ModuleType
from typing import LiteralString

_PACKAGE = Path(__file__).resolve().parent


def _locate(name: str) -> Path:
    """Return the folder *name*: inside the package (wheel) or beside it (checkout)."""
    for candidate in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"{name}/ is missing from the installation; reinstall the package")


SQL = _locate("sql")
MIGRATIONS = _locate("migrations")


def read_sql(path: Path) -> LiteralString:
    """Read a whole SQL file; it ships with the program, so it is as trusted as a literal."""
    return path.read_text(encoding="utf-8")


@cache
def query(name: str) -> LiteralString:
    """Read one of the queries in sql/queries."""
    return read_sql(SQL / "queries" / f"{name}.sql")


def run_migration_sql(op: ModuleType, sql: str) -> None:
    """Run a whole SQL file as it is, without bind-parameter or percent handling."""
    context = op.get_context()
    if context.as_sql:
        context.impl.static_output(sql)
    else:
        driver = op.get_bind().connection.driver_connection
        assert driver is not None  # noqa: S101 - a bound connection has a driver's connection
        driver.execute(sql)
