DELETE FROM audit.shipping_cursor WHERE name = %(name)s
