-- Writes down a run that has ended, at once: needs neither a lock nor a session.
insert into audit.job_run (job, due, started_at, finished_at, outcome, detail, error, host, pid)
values (%(job)s, %(began)s, %(began)s, pg_catalog.clock_timestamp(), %(outcome)s, %(detail)s, %(error)s, %(host)s, %(pid)s)
on conflict (job, due) do nothing
