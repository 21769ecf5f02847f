"""Run the migrations, and with them whatever keeps functions, triggers and views current."""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from capture import migrate
from capture.install import install_script


def url() -> str:
    """Return the address of the database as SQLAlchemy wants it."""
    address = (
        context.config.get_main_option("sqlalchemy.url")
        or os.environ.get("WHOCHANGED_DATABASE_URL")
        or os.environ.get("DATABASE_URL")
        or "postgresql://"
    )
    for prefix in ("postgres://", "postgresql://"):
        if address.startswith(prefix):
            return "postgresql+psycopg://" + address.removeprefix(prefix)
    return address


def upgrade(connection: Connection) -> None:
    """Upgrade in one transaction: all of it or nothing."""
    steps = context.config.attributes.get("steps") or migrate.Steps()
    with connection.begin():
        driver = connection.connection.driver_connection
        assert driver is not None  # noqa: S101 - an open connection has a driver's connection
        migrate.before(driver)
        context.configure(
            connection=connection,
            on_version_apply=lambda step, **_: steps.migrations.append(str(step.up_revision_id)),
            version_table="alembic_version",
            version_table_schema="audit",
        )
        context.run_migrations()
        migrate.after(driver, steps)
        if context.config.attributes.get("dry_run"):
            connection.get_transaction().rollback()  # type: ignore[union-attr] # inside begin()


if context.is_offline_mode():
    print(install_script())
elif (given := context.config.attributes.get("connection")) is not None:
    upgrade(given)
else:
    with create_engine(url(), poolclass=NullPool).connect() as own:
        upgrade(own)
