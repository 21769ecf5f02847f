-- Take the delivery that waits longest, under a lease: nobody else tries it until the lease ends by itself.
-- Only what was waiting when the run began, so that no delivery is tried twice in one run.
WITH next AS MATERIALIZED (
    SELECT d.digest_id, d.address FROM audit.delivery AS d
    JOIN audit.digest AS g ON g.id = d.digest_id
    JOIN audit.recipient AS r ON r.id = g.recipient_id AND NOT r.paused AND (%(at_once)s OR r.bounced_at IS NULL)
    WHERE d.digest_id <> ALL (%(passed)s::bigint[]) AND d.state IN ('pending', 'retry') AND d.not_before <= %(began)s
        AND (d.leased_until IS NULL OR d.leased_until < clock_timestamp())
    ORDER BY d.not_before, d.digest_id, d.address
    LIMIT 1
    FOR UPDATE OF d SKIP LOCKED)
UPDATE audit.delivery AS d
SET lease = gen_random_uuid(), leased_until = clock_timestamp() + make_interval(secs => %(seconds)s), tries = d.tries + 1
FROM next AS n, audit.digest AS g, audit.recipient AS r
WHERE d.digest_id = n.digest_id AND d.address = n.address AND g.id = n.digest_id AND r.id = g.recipient_id
RETURNING d.digest_id, g.recipient_id, d.address, r.email, g.accounts, d.lease, d.tries, g.serial, g.cut_at, g.message
