-- A parked mail is tried again. Where the digest has a delivery to the new address already, it keeps its own.
UPDATE audit.delivery AS d
SET state = 'retry', not_before = %(began)s,
    address = CASE
        WHEN EXISTS (SELECT FROM audit.delivery AS o WHERE o.digest_id = d.digest_id AND o.address = %(now)s) THEN d.address
        ELSE %(now)s END
WHERE d.digest_id = %(digest_id)s AND d.address = %(address)s AND d.state = 'parked'
