-- An index that has nothing yet, from a watermark on.
INSERT INTO audit.entry_index (incarnation, xid) VALUES (%(incarnation)s, %(xid)s::xid8) ON CONFLICT DO NOTHING
