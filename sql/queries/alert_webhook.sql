-- Where the webhook stands, and whether the last try of a request that waits found the receiver down.
SELECT s.told_incarnation, s.told_xid::text::bigint AS told_xid, s.looked_incarnation, s.looked_xid::text::bigint AS looked_xid,
    s.held, s.held_since, s.stopped_at, s.stopped_for,
    EXISTS (SELECT FROM audit.webhook_request AS q WHERE q.state = 'retry' AND q.down) AS down
FROM audit.alert_stand AS s
WHERE s.channel = 'webhook'
