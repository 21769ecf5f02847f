-- Notes that the query of admins does not name a recipient any more, or does again. Whoever cuts their digest holds the row: next time.
UPDATE audit.recipient
SET no_admin_since = CASE WHEN %(admin)s THEN NULL ELSE clock_timestamp() END
WHERE id = (
    SELECT r.id FROM audit.recipient AS r WHERE r.id = %(id)s AND (r.no_admin_since IS NULL) <> %(admin)s FOR UPDATE SKIP LOCKED)
