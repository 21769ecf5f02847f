-- All changes of some transactions: times and numbers in two arrays of one length. An index look-up for each;
-- the bounds keep other days' partitions out of the plan.
WITH wanted AS (
    SELECT w.at, w.id::xid8 AS transaction_id FROM unnest(%(times)s::timestamptz[], %(ids)s::text[]) AS w(at, id))
SELECT c.at, c.transaction_id::text::bigint, c.id, t.table_name, c.operation::text, c.key, c.old, c.new, c.about,
    root.table_name, c.root_key, c.account, former.table_name, c.former_root_key, c.former_account, c.partition, c.degraded
FROM wanted AS w
CROSS JOIN LATERAL (
    SELECT * FROM audit.change AS p WHERE p.at = w.at AND p.transaction_id = w.transaction_id AND p.at BETWEEN %(first)s AND %(last)s
    UNION ALL
    SELECT * FROM audit.change_spill AS p WHERE p.at = w.at AND p.transaction_id = w.transaction_id AND p.at BETWEEN %(first)s AND %(last)s) AS c
JOIN audit.tracked_table AS t ON t.id = c.table_id
LEFT JOIN audit.tracked_table AS root ON root.id = c.root_table_id
LEFT JOIN audit.tracked_table AS former ON former.id = c.former_root_table_id
ORDER BY c.id
