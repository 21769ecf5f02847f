-- The time of the oldest transaction between two watermarks; none where there is no transaction.
-- Materialized, since otherwise min() could walk through the whole log by time instead.
WITH inside AS MATERIALIZED (
    SELECT at, transaction_id, incarnation FROM audit.transaction
    WHERE transaction_id >= %(lowest)s::xid8 AND transaction_id < %(highest)s::xid8
    UNION ALL
    SELECT at, transaction_id, incarnation FROM audit.transaction_spill
    WHERE transaction_id >= %(lowest)s::xid8 AND transaction_id < %(highest)s::xid8)
SELECT min(t.at)
FROM inside AS t
WHERE (t.incarnation > %(first_incarnation)s
        OR t.incarnation = %(first_incarnation)s AND t.transaction_id >= %(first_xid)s::xid8)
    AND (t.incarnation < %(next_incarnation)s
        OR t.incarnation = %(next_incarnation)s AND t.transaction_id < %(next_xid)s::xid8)
