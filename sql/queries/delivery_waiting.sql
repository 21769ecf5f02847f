-- What the next run would try.
SELECT d.digest_id, d.address, g.serial, d.state, d.tries, d.answer FROM audit.delivery AS d
JOIN audit.digest AS g ON g.id = d.digest_id
JOIN audit.recipient AS r ON r.id = g.recipient_id AND NOT r.paused AND (%(at_once)s OR r.bounced_at IS NULL)
WHERE d.state IN ('pending', 'retry') AND (%(at_once)s OR d.not_before <= clock_timestamp())
    AND (d.leased_until IS NULL OR d.leased_until < clock_timestamp())
ORDER BY d.not_before, d.digest_id, d.address
