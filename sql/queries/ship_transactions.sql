-- The first transactions of one incarnation from a number on, in the order of their numbers. Each source gives as many as are wanted,
-- so that the least of both together are the least of all.
SELECT DISTINCT t.at, t.transaction_id::text::bigint AS id, t.transaction_id
FROM (
    (SELECT DISTINCT at, transaction_id FROM audit.transaction
     WHERE transaction_id >= %(from)s::text::xid8 AND transaction_id < %(until)s::text::xid8 AND incarnation = %(incarnation)s
     ORDER BY transaction_id, at LIMIT %(limit)s)
    UNION ALL
    (SELECT DISTINCT at, transaction_id FROM audit.transaction_spill
     WHERE transaction_id >= %(from)s::text::xid8 AND transaction_id < %(until)s::text::xid8 AND incarnation = %(incarnation)s
     ORDER BY transaction_id, at LIMIT %(limit)s)) AS t
ORDER BY t.transaction_id, t.at
LIMIT %(limit)s
