-- A digest, frozen.
INSERT INTO audit.digest (recipient_id, serial, cadence, window_start, window_end, first_incarnation, first_xid,
    next_incarnation, next_xid, accounts, entries, changes, subject, message_id, message, cut_at)
VALUES (%(recipient_id)s, %(serial)s, %(cadence)s, %(window_start)s, %(window_end)s, %(first_incarnation)s,
    %(first_xid)s::text::xid8, %(next_incarnation)s, %(next_xid)s::text::xid8, %(accounts)s, %(entries)s, %(changes)s, %(subject)s,
    %(message_id)s, %(message)s, %(cut_at)s)
RETURNING id
