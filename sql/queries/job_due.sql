-- Which run of a daily job is to be made now, by the clock of the database; NULL when none is.
-- A run that was broken off is made again at once; one that failed, or had to leave something (a nightly dump may stand in the way of
-- every purge), an hour later. Those are due when they are made.
select case
    when r.due is null then s.slot
    when r.outcome = 'interrupted' then n.now
    when (r.outcome = 'failed' or (r.detail ->> 'postponed')::integer > 0) and r.finished_at < n.now - interval '1 hour' then n.now
  end
from (select pg_catalog.clock_timestamp() as now) as n
cross join lateral (
  select pg_catalog.date_trunc('day', n.now - %(at)s::time::interval, 'UTC') + %(at)s::time::interval as slot) as s
left join lateral (
  select q.due, q.outcome, q.detail, q.finished_at from audit.job_run as q
  where q.job = %(job)s and q.due between s.slot and n.now
  order by q.due desc limit 1) as r on true
