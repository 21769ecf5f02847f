-- The transactions between two watermarks, newest first. Between incarnations numbers say nothing: then the time sorts alone.
SELECT DISTINCT t.at, t.transaction_id::text::bigint AS id
FROM (
    SELECT at, transaction_id, incarnation FROM audit.transaction
    WHERE transaction_id >= %(lowest)s::xid8 AND transaction_id < %(highest)s::xid8
    UNION ALL
    SELECT at, transaction_id, incarnation FROM audit.transaction_spill
    WHERE transaction_id >= %(lowest)s::xid8 AND transaction_id < %(highest)s::xid8) AS t
WHERE (t.incarnation > %(first_incarnation)s
        OR t.incarnation = %(first_incarnation)s AND t.transaction_id >= %(first_xid)s::xid8)
    AND (t.incarnation < %(next_incarnation)s
        OR t.incarnation = %(next_incarnation)s AND t.transaction_id < %(next_xid)s::xid8)
ORDER BY t.at DESC, id DESC
