-- The last digests, newest first. Whose recipient was removed has no address here any more; the deliveries keep it.
SELECT g.id, r.email AS recipient, g.serial, g.cadence, g.window_start, g.window_end, g.entries, g.changes, g.subject,
    g.message_id, g.cut_at
FROM audit.digest AS g
LEFT JOIN audit.recipient AS r ON r.id = g.recipient_id
WHERE g.kind = 'digest'
ORDER BY g.id DESC
LIMIT %(limit)s
