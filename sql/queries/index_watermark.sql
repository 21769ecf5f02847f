SELECT i.incarnation, i.xid::text::bigint FROM audit.entry_index AS i
