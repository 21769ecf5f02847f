-- The watermark goes on; which columns the names are of, where that is told.
UPDATE audit.entry_index SET incarnation = %(incarnation)s, xid = %(xid)s::xid8, names = coalesce(%(names)s, names)
