-- The oldest transaction that is committed but not below the watermark, since one that began before it is still open.
-- Looks a week back, as far as anything can reasonably wait. The indexes on the transactions' numbers find them; materialized,
-- since otherwise min() could walk through a whole week by time instead.
WITH waiting AS MATERIALIZED (
    SELECT at FROM audit.transaction
    WHERE transaction_id >= %(xid)s::text::xid8 AND incarnation = %(incarnation)s AND at >= now() - interval '168 hours'
    UNION ALL
    SELECT at FROM audit.transaction_spill
    WHERE transaction_id >= %(xid)s::text::xid8 AND incarnation = %(incarnation)s AND at >= now() - interval '168 hours')
SELECT min(at) FROM waiting
