-- Where a reader stands after a look.
UPDATE audit.alert_stand
SET told_incarnation = %(told_incarnation)s, told_xid = %(told_xid)s::text::xid8,
    looked_incarnation = %(looked_incarnation)s, looked_xid = %(looked_xid)s::text::xid8,
    held = %(held)s, held_since = %(held_since)s, held_for = %(held_for)s, serial = %(serial)s
WHERE channel = %(channel)s AND reader = %(reader)s
