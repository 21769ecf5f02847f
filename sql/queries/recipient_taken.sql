-- A mail to a recipient was taken: the address works.
UPDATE audit.recipient AS r SET bounced_at = NULL, bounce = NULL, soft_bounces = 0
WHERE r.id = %(id)s AND lower(r.email) = lower(%(address)s) AND (r.bounced_at IS NOT NULL OR r.soft_bounces > 0)
