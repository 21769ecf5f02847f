-- All changes of some transactions. The time bounds keep other days' partitions out.
WITH changes AS (
    SELECT * FROM audit.change
    WHERE transaction_id = ANY (%(ids)s::text[]::xid8[]) AND at >= %(first)s AND at <= %(last)s
    UNION ALL
    SELECT * FROM audit.change_spill
    WHERE transaction_id = ANY (%(ids)s::text[]::xid8[]) AND at >= %(first)s AND at <= %(last)s)
SELECT c.at, c.transaction_id::text::bigint, c.id, t.table_name, c.operation::text, c.key, c.old, c.new, c.about,
    root.table_name, c.root_key, c.account
FROM changes AS c
JOIN audit.tracked_table AS t ON t.id = c.table_id
LEFT JOIN audit.tracked_table AS root ON root.id = c.root_table_id
ORDER BY c.id
