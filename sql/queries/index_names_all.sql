-- Keep the former names of all rows that the log tells, but for the transactions beyond the watermark.
WITH named AS (
    SELECT t.id, t.table_name, array_agg(n.column_name) AS columns
    FROM unnest(%(tables)s::text[], %(columns)s::text[]) AS n(table_name, column_name)
    JOIN audit.tracked_table AS t ON t.table_name = n.table_name
    GROUP BY t.id, t.table_name),
tail AS (SELECT w.at, w.id::xid8 AS transaction_id FROM unnest(%(times)s::timestamptz[], %(ids)s::text[]) AS w(at, id))
INSERT INTO audit.entry_name (table_name, key, id, at, old)
SELECT named.table_name, audit.key_text(c.key), c.id, c.at, (
    SELECT jsonb_object_agg(n, c.old -> n) FROM unnest(named.columns) AS n WHERE c.old ? n)
FROM audit.all_change AS c
JOIN named ON named.id = c.table_id
WHERE c.operation IN ('U', 'D') AND c.old ?| named.columns AND c.key IS NOT NULL
    AND NOT EXISTS (SELECT FROM tail WHERE tail.at = c.at AND tail.transaction_id = c.transaction_id)
ON CONFLICT DO NOTHING
