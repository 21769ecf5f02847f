-- The last alerts, newest first, each with its way to the reader. Whose recipient was removed has no address but that of the delivery.
SELECT g.id, r.email AS recipient, g.serial, g.window_start, g.window_end, g.entries, g.subject, g.message_id, g.cut_at,
    v.address, v.state, v.tries, v.not_before, v.answer, v.sent_at
FROM audit.digest AS g
LEFT JOIN audit.recipient AS r ON r.id = g.recipient_id
LEFT JOIN audit.delivery AS v ON v.digest_id = g.id
WHERE g.kind = 'alert'
ORDER BY g.id DESC
LIMIT %(limit)s
