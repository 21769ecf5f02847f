"""Put the tables under watch of auditrum: `with_auditrum.py DSN full|diff`."""

import sys

import psycopg
from auditrum import schema
from auditrum.executor import PsycopgExecutor
from auditrum.tracking.manager import TriggerManager
from auditrum.tracking.spec import TrackSpec

TABLES = ("item", "wide", "heavy")


def main(dsn: str, mode: str) -> None:
    """Make the log with its monthly partitions, then the triggers."""
    parts = (
        schema.generate_audit_context_table_sql(),
        schema.generate_auditlog_table_sql(),
        schema.generate_auditlog_partitions_sql(),
        schema.generate_jsonb_diff_function_sql(),
        schema.generate_audit_attach_context_sql(),
        schema.generate_audit_current_user_id_sql(),
    )
    with psycopg.connect(dsn) as conn:
        for part in parts:
            conn.execute(part.encode())
        manager = TriggerManager(PsycopgExecutor(conn))
        manager.bootstrap()
        manager.sync([TrackSpec(table=table, storage=mode) for table in TABLES])


main(*sys.argv[1:])
