-- A mail to a recipient was given up: because of the address, or for another reason, which counts when it comes again and again.
UPDATE audit.recipient AS r
SET soft_bounces = least(r.soft_bounces + 1, 1000),
    bounced_at = CASE WHEN %(hard)s OR r.soft_bounces + 1 >= %(most)s THEN clock_timestamp() END,
    bounce = CASE WHEN %(hard)s OR r.soft_bounces + 1 >= %(most)s THEN %(answer)s END
WHERE r.id = %(id)s AND lower(r.email) = lower(%(address)s) AND r.bounced_at IS NULL
