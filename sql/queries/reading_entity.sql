-- The registry's last word on a row, also a deleted one.
SELECT e.about
FROM audit.entity AS e
JOIN audit.tracked_table AS t ON t.id = e.table_id
WHERE t.table_name = %(table)s AND e.key = %(key)s
ORDER BY e.deleted_at IS NULL DESC, e.deleted_at DESC, t.id DESC
LIMIT 1
