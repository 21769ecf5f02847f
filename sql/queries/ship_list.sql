SELECT name, entries, made_at, moved_at, reached_at, incarnation, xid::text::bigint AS xid FROM audit.shipping_cursor ORDER BY name
