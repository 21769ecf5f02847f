-- The transactions from a watermark on, newest first: those that the index does not know. `lowest` is the watermark's number, or 0 in
-- another cluster, where numbers began anew. It is given as a value: of a subquery the planner would not know that few rows are beyond.
SELECT DISTINCT t.at, t.transaction_id::text::bigint AS id
FROM (
    SELECT at, transaction_id, incarnation FROM audit.transaction WHERE transaction_id >= %(lowest)s::xid8
    UNION ALL
    SELECT at, transaction_id, incarnation FROM audit.transaction_spill WHERE transaction_id >= %(lowest)s::xid8) AS t
WHERE t.incarnation > %(incarnation)s OR t.incarnation = %(incarnation)s AND t.transaction_id >= %(xid)s::xid8
ORDER BY t.at DESC, id DESC
LIMIT %(limit)s
