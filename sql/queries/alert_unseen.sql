-- The first place up to which nobody has looked for those who want alerts by mail; none where nobody wants any.
SELECT s.looked_incarnation, s.looked_xid::text::bigint
FROM audit.alert_stand AS s
JOIN audit.recipient AS r ON r.id = s.reader AND r.alerts AND NOT r.paused AND r.bounced_at IS NULL
WHERE s.channel = 'mail'
ORDER BY s.looked_incarnation, s.looked_xid
LIMIT 1
