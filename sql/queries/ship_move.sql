-- Moves a cursor on, unless somebody else has moved it since it was read.
UPDATE audit.shipping_cursor
SET incarnation = %(incarnation)s, xid = %(xid)s::text::xid8, entries = entries + %(entries)s, moved_at = clock_timestamp(),
    reached_at = greatest(reached_at, %(reached_at)s)
WHERE name = %(name)s AND incarnation = %(from_incarnation)s AND xid = %(from_xid)s::text::xid8
