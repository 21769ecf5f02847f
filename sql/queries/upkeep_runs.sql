-- The last run of each job.
select r.job, r.due, r.started_at, r.finished_at, r.outcome, r.detail, r.error
from (values ('partitions'), ('purge'), ('digest'), ('alerts'), ('webhook')) as j(job)
cross join lateral (
  select q.* from audit.job_run as q where q.job = j.job order by q.started_at desc limit 1) as r
