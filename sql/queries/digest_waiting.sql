-- The oldest change that is committed but not below the watermark, since a transaction that began before it is still open.
-- Looks a week back, as far as anything can reasonably wait. The index on (transaction_id, id) of the changes finds them.
WITH everything AS (
    SELECT at, transaction_id, incarnation FROM audit.transaction
    UNION ALL SELECT at, transaction_id, incarnation FROM audit.transaction_spill),
waiting AS (
    SELECT at, transaction_id FROM audit.change
    WHERE transaction_id >= %(xid)s::text::xid8 AND at >= now() - interval '168 hours'
    UNION ALL
    SELECT at, transaction_id FROM audit.change_spill
    WHERE transaction_id >= %(xid)s::text::xid8 AND at >= now() - interval '168 hours')
SELECT min(w.at) FROM waiting AS w
WHERE EXISTS (
    SELECT FROM everything AS t
    WHERE t.at = w.at AND t.transaction_id = w.transaction_id AND t.incarnation = %(incarnation)s)
