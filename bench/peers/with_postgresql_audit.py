"""Put the tables under watch of postgresql-audit: `with_postgresql_audit.py DSN row|statement`."""

import sys

import sqlalchemy as sa
from postgresql_audit import VersioningManager
from sqlalchemy.orm import DeclarativeBase

TABLES = ("item", "wide", "heavy")


class Base(DeclarativeBase):
    """What the log's own tables are declared on."""


def main(dsn: str, mode: str) -> None:
    """Make the log's tables and functions, then the triggers."""
    manager = VersioningManager(schema_name="audit", use_statement_level_triggers=mode == "statement")
    manager.init(Base)
    sa.orm.configure_mappers()
    engine = sa.create_engine(dsn)
    with engine.begin() as conn:
        Base.metadata.create_all(conn)
        for table in TABLES:
            conn.execute(sa.text(f"select audit.audit_table('{table}')"))


main(*sys.argv[1:])
