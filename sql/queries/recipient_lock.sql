-- Whoever cuts a recipient's digest holds its row; a second one passes by.
SELECT FROM audit.recipient WHERE id = %(id)s AND NOT paused AND bounced_at IS NULL FOR UPDATE SKIP LOCKED
