INSERT INTO audit.shipping_cursor (name, incarnation, xid) VALUES (%(name)s, %(incarnation)s, %(xid)s::text::xid8)
ON CONFLICT DO NOTHING
