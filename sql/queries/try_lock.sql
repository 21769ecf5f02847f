select pg_catalog.pg_try_advisory_lock(%s, %s)
