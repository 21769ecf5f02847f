-- The receiver wants nothing any more, or with nulls: it does again.
UPDATE audit.alert_stand SET stopped_at = %(at)s, stopped_for = %(said)s
WHERE channel = 'webhook' AND (stopped_at IS NULL) <> (%(at)s::timestamptz IS NULL)
