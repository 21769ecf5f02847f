-- A claimed delivery that may not be sent: as if nobody had claimed it, to the recipient's address of today where that may get it.
-- Where the digest has a delivery to that address already, it keeps its own.
UPDATE audit.delivery AS d
SET lease = NULL, leased_until = NULL, tries = d.tries - 1, not_before = clock_timestamp() + make_interval(secs => %(wait)s),
    answer = CASE WHEN %(wait)s > 0 THEN 'waits: the query of admins does not name this address for all that it tells' ELSE d.answer END,
    address = CASE
        WHEN EXISTS (SELECT FROM audit.delivery AS o WHERE o.digest_id = d.digest_id AND o.address = %(now)s) THEN d.address
        ELSE %(now)s END
WHERE d.digest_id = %(digest_id)s AND d.address = %(address)s AND d.lease = %(lease)s
