-- Take the request that waits longest, under a lease. Only what was waiting when the run began, so that none is tried twice in one run;
-- none where the receiver wants nothing any more.
WITH next AS MATERIALIZED (
    SELECT q.id FROM audit.webhook_request AS q
    WHERE q.state IN ('pending', 'retry') AND q.not_before <= %(began)s
        AND (q.leased_until IS NULL OR q.leased_until < clock_timestamp())
        AND NOT EXISTS (SELECT FROM audit.alert_stand AS s WHERE s.channel = 'webhook' AND s.stopped_at IS NOT NULL)
    ORDER BY q.id
    LIMIT 1
    FOR UPDATE SKIP LOCKED)
UPDATE audit.webhook_request AS q
SET lease = gen_random_uuid(), leased_until = clock_timestamp() + make_interval(secs => %(seconds)s), tries = q.tries + 1
FROM next AS n
WHERE q.id = n.id
RETURNING q.id, q.webhook_id, q.lease, q.tries, q.entries, q.cut_at, q.body
