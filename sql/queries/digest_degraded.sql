-- Statements of a window, or of a time, that could not be logged, or not in full: by table how many, of how many rows, and when.
-- The changes are looked for in the time between the first and the last transaction: they have no index by number.
WITH told AS MATERIALIZED (
    SELECT t.at, t.transaction_id FROM (
        SELECT at, transaction_id, incarnation FROM audit.transaction
        UNION ALL
        SELECT at, transaction_id, incarnation FROM audit.transaction_spill) AS t
    WHERE NOT %(by_time)s
        AND (t.incarnation, t.transaction_id) >= (%(first_incarnation)s::smallint, %(first_xid)s::text::xid8)
        AND (t.incarnation, t.transaction_id) < (%(next_incarnation)s::smallint, %(next_xid)s::text::xid8)
        AND t.transaction_id >= %(lowest)s::text::xid8 AND t.transaction_id < %(highest)s::text::xid8)
SELECT n.table_name, count(*), coalesce(sum((c.degraded ->> 'rows')::bigint), 0)::bigint, min(c.at), max(c.at)
FROM audit.all_change AS c
JOIN audit.tracked_table AS n ON n.id = c.table_id
WHERE c.degraded IS NOT NULL AND CASE WHEN %(by_time)s THEN c.at >= %(since)s AND c.at < %(until)s
    ELSE c.at >= (SELECT min(w.at) FROM told AS w) AND c.at <= (SELECT max(w.at) FROM told AS w)
        AND EXISTS (SELECT FROM told AS w WHERE w.at = c.at AND w.transaction_id = c.transaction_id) END
GROUP BY n.table_name
ORDER BY min(c.at), n.table_name
