-- Runs whose process is gone: nobody holds their lock.
update audit.job_run as r
set outcome = 'interrupted', finished_at = pg_catalog.clock_timestamp(), error = 'its process ended before it did'
where r.outcome = 'running'
  and not exists (
    select from pg_catalog.pg_locks as l
    where l.locktype = 'advisory' and l.objsubid = 2 and l.granted
      and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
      and l.classid = (%(runs)s)::bigint::oid and l.objid = (r.id %% 2147483647)::oid)
returning r.job, r.due
