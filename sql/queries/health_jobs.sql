-- Each job's last run, and when it last did what it should: by a run that ended well, or by a look that found nothing to do.
select j.job, r.outcome, r.error, r.started_at, r.finished_at, greatest(
    (select q.finished_at from audit.job_run as q
     where q.job = j.job and q.outcome = 'done' order by q.started_at desc limit 1),
    (r.detail ->> 'checked_at')::timestamptz) as succeeded_at
from unnest(%(jobs)s::text[]) with ordinality as j(job, place)
left join lateral (
  select q.* from audit.job_run as q where q.job = j.job order by q.started_at desc limit 1) as r on true
order by j.place
