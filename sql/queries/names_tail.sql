-- The same of the transactions that the index does not know yet.
WITH named AS (
    SELECT t.id, t.table_name, array_agg(n.column_name) AS columns
    FROM unnest(%(tables)s::text[], %(columns)s::text[]) AS n(table_name, column_name)
    JOIN audit.tracked_table AS t ON t.table_name = n.table_name
    GROUP BY t.id, t.table_name),
wanted AS (SELECT w.at, w.id::xid8 AS transaction_id FROM unnest(%(times)s::timestamptz[], %(ids)s::text[]) AS w(at, id))
SELECT named.table_name, c.key, c.id, (
    SELECT jsonb_object_agg(n, c.old -> n) FROM unnest(named.columns) AS n WHERE c.old ? n)
FROM wanted AS w
CROSS JOIN LATERAL (
    SELECT * FROM audit.all_change AS p
    WHERE p.at = w.at AND p.transaction_id = w.transaction_id AND p.at BETWEEN %(first)s AND %(last)s) AS c
JOIN named ON named.id = c.table_id
WHERE c.operation IN ('U', 'D') AND c.old ?| named.columns AND c.key IS NOT NULL
