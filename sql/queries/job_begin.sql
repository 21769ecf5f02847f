-- Writes down that a run begins; no row where that run is written down already.
-- Its lock is taken before anybody can see the row, so that a run without its lock is one whose process is gone.
with begun as (
  insert into audit.job_run (job, due, host, pid)
  values (%(job)s, coalesce(%(due)s, pg_catalog.clock_timestamp()), %(host)s, %(pid)s)
  on conflict (job, due) do nothing
  returning id, due)
select id, due, pg_catalog.pg_advisory_lock(%(runs)s, (id %% 2147483647)::integer) from begun
