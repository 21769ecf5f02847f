-- What was cut for somebody who was removed since is not sent; one that is under way just now is not called back.
UPDATE audit.delivery AS d
SET state = 'parked', answer = 'recipient was removed', lease = NULL, leased_until = NULL
FROM audit.digest AS g
WHERE g.id = d.digest_id AND d.state IN ('pending', 'retry')
    AND (d.leased_until IS NULL OR d.leased_until < clock_timestamp())
    AND NOT EXISTS (SELECT FROM audit.recipient AS r WHERE r.id = g.recipient_id)
