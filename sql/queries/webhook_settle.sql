-- What became of a try. Who has lost the lease may still say that the request was taken, and nothing else.
UPDATE audit.webhook_request
SET state = %(state)s, answer = %(answer)s, down = %(down)s, lease = NULL, leased_until = NULL,
    not_before = CASE WHEN %(state)s = 'retry' THEN clock_timestamp() + make_interval(secs => %(wait)s) ELSE not_before END,
    sent_at = CASE WHEN %(state)s = 'sent' THEN clock_timestamp() END
WHERE id = %(id)s AND state IN ('pending', 'retry') AND (lease = %(lease)s OR %(state)s = 'sent')
