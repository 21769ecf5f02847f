-- What the next run would try.
SELECT q.id, q.webhook_id, q.entries, q.state, q.tries, q.answer
FROM audit.webhook_request AS q
WHERE (q.state IN ('pending', 'retry') AND (%(at_once)s OR q.not_before <= clock_timestamp()) OR %(at_once)s AND q.state = 'parked')
    AND (q.leased_until IS NULL OR q.leased_until < clock_timestamp())
    AND NOT EXISTS (SELECT FROM audit.alert_stand AS s WHERE s.channel = 'webhook' AND s.stopped_at IS NOT NULL)
ORDER BY q.id
