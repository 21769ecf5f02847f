-- Keep the former names of the rows that some transactions changed; tell the lowest number of such a change.
WITH named AS (
    SELECT t.id, t.table_name, array_agg(n.column_name) AS columns
    FROM unnest(%(tables)s::text[], %(columns)s::text[]) AS n(table_name, column_name)
    JOIN audit.tracked_table AS t ON t.table_name = n.table_name
    GROUP BY t.id, t.table_name),
wanted AS (SELECT w.at, w.id::xid8 AS transaction_id FROM unnest(%(times)s::timestamptz[], %(ids)s::text[]) AS w(at, id)),
kept AS (
    INSERT INTO audit.entry_name (table_name, key, id, at, old)
    SELECT named.table_name, audit.key_text(c.key), c.id, c.at, (
        SELECT jsonb_object_agg(n, c.old -> n) FROM unnest(named.columns) AS n WHERE c.old ? n)
    FROM wanted AS w
    CROSS JOIN LATERAL (
        SELECT * FROM audit.all_change AS p
        WHERE p.at = w.at AND p.transaction_id = w.transaction_id AND p.at BETWEEN %(first)s AND %(last)s) AS c
    JOIN named ON named.id = c.table_id
    WHERE c.operation IN ('U', 'D') AND c.old ?| named.columns AND c.key IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING id)
SELECT min(id) FROM kept
