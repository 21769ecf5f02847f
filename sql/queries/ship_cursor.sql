SELECT incarnation, xid::text::bigint, entries, reached_at, moved_at FROM audit.shipping_cursor WHERE name = %(name)s
