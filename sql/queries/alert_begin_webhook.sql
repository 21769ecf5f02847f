-- The webhook is told of what is finished from now on.
INSERT INTO audit.alert_stand (channel, reader, told_incarnation, told_xid, looked_incarnation, looked_xid)
VALUES ('webhook', 0, %(incarnation)s, %(xid)s::text::xid8, %(incarnation)s, %(xid)s::text::xid8)
ON CONFLICT DO NOTHING
