-- What was done to the watch over tables, up to the end of a window or of a time, the oldest first; and whether it is news in it.
-- Whose transaction was purged has no incarnation any more: its number then decides alone, as in a window of one cluster.
WITH done AS (
    SELECT s.id, s.at, s.table_name, s.thing, s.name, s.action, s.old_value, s.new_value,
        coalesce(t.incarnation, %(next_incarnation)s::smallint) AS incarnation, s.transaction_id
    FROM audit.schema_change AS s
    LEFT JOIN LATERAL (
        SELECT p.incarnation FROM audit.transaction AS p WHERE p.at = s.at AND p.transaction_id = s.transaction_id LIMIT 1) AS t ON true
    WHERE s.thing = 'capture' OR s.thing = 'partition' AND s.action = 'detached' OR s.thing = 'table' AND s.action IN ('dropped', 'renamed')
    ORDER BY s.id DESC
    LIMIT 5000)
SELECT d.at, d.table_name, d.thing, d.name, d.action, d.old_value, d.new_value, CASE WHEN %(by_time)s THEN d.at >= %(since)s
    ELSE (d.incarnation, d.transaction_id) >= (%(first_incarnation)s::smallint, %(first_xid)s::text::xid8) END AS news
FROM done AS d
WHERE CASE WHEN %(by_time)s THEN d.at < %(until)s
    ELSE (d.incarnation, d.transaction_id) < (%(next_incarnation)s::smallint, %(next_xid)s::text::xid8) END
ORDER BY d.id
