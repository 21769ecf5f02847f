-- A request, frozen.
INSERT INTO audit.webhook_request (webhook_id, first_incarnation, first_xid, next_incarnation, next_xid, part, entries, oldest_at,
    body, cut_at, not_before)
VALUES (%(webhook_id)s, %(first_incarnation)s, %(first_xid)s::text::xid8, %(next_incarnation)s, %(next_xid)s::text::xid8, %(part)s,
    %(entries)s, %(oldest_at)s, %(body)s, %(cut_at)s, %(cut_at)s)
