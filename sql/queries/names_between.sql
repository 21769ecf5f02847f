-- What naming columns were before each change of a time, whatever these columns were called: tables and columns in two arrays.
WITH named AS (
    SELECT t.id, t.table_name, array_agg(n.column_name) AS columns
    FROM unnest(%(tables)s::text[], %(columns)s::text[]) AS n(table_name, column_name)
    JOIN audit.tracked_table AS t ON t.table_name = n.table_name
    GROUP BY t.id, t.table_name)
SELECT named.table_name, c.key, c.id, (
    SELECT jsonb_object_agg(n, c.old -> n) FROM unnest(named.columns) AS n WHERE c.old ? n)
FROM audit.all_change AS c
JOIN named ON named.id = c.table_id
WHERE c.at >= %(since)s AND (%(until)s::timestamptz IS NULL OR c.at < %(until)s)
    AND c.operation IN ('U', 'D') AND c.old ?| named.columns AND c.key IS NOT NULL
