-- Pauses a recipient; a reason that is given takes the place of another. No row where all is so already.
UPDATE audit.recipient AS r
SET paused = true, paused_reason = n.reason
FROM (SELECT %(reason)s::text AS reason) AS n
WHERE r.id = %(id)s AND (NOT r.paused OR n.reason IS NOT NULL AND r.paused_reason IS DISTINCT FROM n.reason)
