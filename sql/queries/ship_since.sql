-- The lowest transaction of the youngest incarnation that began at a time or later.
SELECT t.incarnation, min(t.transaction_id)::text::bigint
FROM (
    SELECT incarnation, transaction_id FROM audit.transaction WHERE at >= %(since)s
    UNION ALL SELECT incarnation, transaction_id FROM audit.transaction_spill WHERE at >= %(since)s) AS t
GROUP BY t.incarnation
ORDER BY t.incarnation
LIMIT 1
