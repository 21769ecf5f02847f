-- Gives each recipient a place to begin: where its digests begin. Who was removed needs none any more.
WITH gone AS (
    DELETE FROM audit.alert_stand AS s
    WHERE s.channel = 'mail' AND NOT EXISTS (SELECT FROM audit.recipient AS r WHERE r.id = s.reader))
INSERT INTO audit.alert_stand (channel, reader, told_incarnation, told_xid, looked_incarnation, looked_xid)
SELECT 'mail', r.id, r.first_incarnation, r.first_xid, r.first_incarnation, r.first_xid
FROM audit.recipient AS r
ON CONFLICT DO NOTHING
