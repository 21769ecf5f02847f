select exists (
  select from pg_catalog.pg_locks as l
  where l.locktype = 'advisory' and l.objsubid = 2 and l.granted and l.pid = pg_catalog.pg_backend_pid()
    and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
    and l.classid = (%s)::bigint::oid and l.objid = (%s)::bigint::oid)
