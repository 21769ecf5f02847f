"""The view reads as much of the log as was asked for: the planner knows how few rows it joins to every change."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from capture.partitions import keep_partitions

pytestmark = pytest.mark.one_server

FILL = """
    INSERT INTO audit.change (at, transaction_id, table_id, operation, key, old, new, account)
    SELECT now() - g * interval '1 millisecond', pg_current_xact_id(), t.id, 'D', jsonb_build_object('id', g), '{"name": "x"}', NULL, g % 50
    FROM generate_series(1, 20000) AS g JOIN audit.tracked_table AS t ON t.table_name = 'crm.territories'"""


def nodes(plan: dict[str, Any]) -> list[str]:
    """Return the kinds of nodes of a plan, the outermost first."""
    return [plan["Node Type"], *(name for part in plan.get("Plans", []) for name in nodes(part))]


@pytest.mark.parametrize("where", ["true", "change_type = 'Deleted'", "module = 'Territories'"])
def test_the_newest_rows_are_read_in_order_and_nothing_is_sorted(
    crm_conn: psycopg.Connection[tuple[Any, ...]], where: str
) -> None:
    for kind in ("change", "transaction"):
        crm_conn.execute("SELECT audit.make_partition(%s, (now() - interval '1 day')::date)", (kind,))
    crm_conn.execute(FILL.encode())
    crm_conn.commit()
    crm_conn.autocommit = True
    crm_conn.execute("VACUUM ANALYZE audit.change")
    statement = f"EXPLAIN (FORMAT JSON) SELECT * FROM audit.log WHERE {where} ORDER BY at DESC, id DESC LIMIT 50"
    row = crm_conn.execute(statement.encode()).fetchone()
    assert row
    found = nodes(row[0][0]["Plan"])
    assert found[0] == "Limit"
    assert "Sort" not in found[: found.index("Merge Append")]


def test_keeping_the_partitions_counts_the_tables_under_watch(crm_conn: psycopg.Connection[tuple[Any, ...]]) -> None:
    """A table that was put under watch by SQL is counted by the next daily run."""
    crm_conn.commit()
    crm_conn.autocommit = True
    crm_conn.execute("CREATE TABLE crm.more (id bigint PRIMARY KEY)")
    crm_conn.execute("SELECT audit.track('crm.more')")
    keep_partitions(crm_conn, 3)
    counted = "SELECT reltuples = (SELECT count(*) FROM audit.tracked_table) FROM pg_class WHERE oid = 'audit.tracked_table'::regclass"
    assert crm_conn.execute(counted.encode()).fetchone() == (True,)
