-- The transactions from a watermark on, newest first: those that the index does not know. In another cluster numbers began anew.
WITH lowest AS (SELECT CASE WHEN max(i.id) = %(incarnation)s THEN %(xid)s ELSE '0' END::xid8 AS xid FROM audit.incarnation AS i)
SELECT DISTINCT t.at, t.transaction_id::text::bigint AS id
FROM (
    SELECT at, transaction_id, incarnation FROM audit.transaction WHERE transaction_id >= (SELECT xid FROM lowest)
    UNION ALL
    SELECT at, transaction_id, incarnation FROM audit.transaction_spill WHERE transaction_id >= (SELECT xid FROM lowest)) AS t
WHERE t.incarnation > %(incarnation)s OR t.incarnation = %(incarnation)s AND t.transaction_id >= %(xid)s::xid8
ORDER BY t.at DESC, id DESC
LIMIT %(limit)s
