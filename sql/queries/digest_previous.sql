-- The last digest before one with a number that was mailed to its recipient.
SELECT serial, cut_at FROM audit.digest
WHERE recipient_id = %(recipient_id)s AND serial < %(serial)s AND message_id IS NOT NULL
ORDER BY serial DESC
LIMIT 1
