-- Recipients, and where their digests stand: what the last one ended with, and the last one that was mailed; when these were cut.
SELECT r.id, r.email, r.name, r.timezone, r.language, r.cadence, r.send_at, r.weekday, coalesce(r.accounts, CASE WHEN r.account IS NOT NULL THEN array[r.account] END) AS accounts,
    r.modules, r.sensitivity, r.when_empty, r.alerts,
    r.paused, r.paused_reason, r.bounced_at, r.bounce, r.no_admin_since, r.unsubscribe_token, r.added_at,
    coalesce(last.next_incarnation, r.first_incarnation), coalesce(last.next_xid, r.first_xid)::text::bigint,
    coalesce(last.window_end, r.added_at), coalesce(last.serial, 0), coalesce(mailed.serial, kept.first - 1, 0), mailed.window_end,
    last.cut_at, mailed.cut_at
FROM audit.recipient AS r
LEFT JOIN LATERAL (
    SELECT d.* FROM audit.digest AS d WHERE d.recipient_id = r.id ORDER BY d.serial DESC LIMIT 1) AS last ON true
LEFT JOIN LATERAL (
    SELECT d.serial, d.window_end, d.cut_at FROM audit.digest AS d
    WHERE d.recipient_id = r.id AND d.message_id IS NOT NULL ORDER BY d.serial DESC LIMIT 1) AS mailed ON true
-- Older ones may have been purged: of these nothing is known any more.
LEFT JOIN LATERAL (SELECT min(d.serial) AS first FROM audit.digest AS d WHERE d.recipient_id = r.id) AS kept ON true
WHERE %(id)s::integer IS NULL OR r.id = %(id)s
ORDER BY r.id
