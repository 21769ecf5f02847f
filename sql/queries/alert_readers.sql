-- The recipients, and where their alerts stand: what is held back, whether an alert waits for the mail server, how many were cut lately.
SELECT r.id AS reader, s.told_incarnation, s.told_xid::text::bigint AS told_xid,
    s.looked_incarnation, s.looked_xid::text::bigint AS looked_xid, s.held, s.held_since,
    EXISTS (
        SELECT FROM audit.digest AS d JOIN audit.delivery AS v ON v.digest_id = d.id
        WHERE d.recipient_id = r.id AND d.kind = 'alert' AND v.state IN ('pending', 'retry')) AS undelivered,
    (SELECT count(*) FROM audit.digest AS d
     WHERE d.recipient_id = r.id AND d.kind = 'alert' AND d.cut_at > %(at)s::timestamptz - interval '1 hour') AS last_hour,
    (SELECT count(*) FROM audit.digest AS d
     WHERE d.recipient_id = r.id AND d.kind = 'alert' AND d.cut_at > %(at)s::timestamptz - interval '15 minutes') AS last_quarter,
    s.serial
FROM audit.recipient AS r
JOIN audit.alert_stand AS s ON s.channel = 'mail' AND s.reader = r.id
WHERE r.id = ANY (%(ids)s)
ORDER BY r.id
