-- The last run of each job stays: it says what was done last, and what is still to be made up for.
with gone as (
  delete from audit.job_run as r
  where r.started_at < %(before)s and r.outcome <> 'running'
    and exists (select from audit.job_run as l where l.job = r.job and l.due > r.due)
  returning r.id)
select count(*) from gone
