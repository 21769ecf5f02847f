-- The transactions that have come since a snapshot, newest first.
SELECT DISTINCT t.at, t.transaction_id::text::bigint AS id
FROM (
    SELECT at, transaction_id FROM audit.transaction WHERE transaction_id >= pg_snapshot_xmin(%(seen)s::pg_snapshot)
    UNION ALL
    SELECT at, transaction_id FROM audit.transaction_spill
    WHERE transaction_id >= pg_snapshot_xmin(%(seen)s::pg_snapshot)) AS t
WHERE NOT pg_visible_in_snapshot(t.transaction_id, %(seen)s::pg_snapshot)
ORDER BY t.at DESC, id DESC
LIMIT %(limit)s
