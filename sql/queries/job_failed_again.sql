-- A failure like the one before is counted there: what fails every minute must not fill the table.
update audit.job_run as r
set finished_at = pg_catalog.clock_timestamp(),
  detail = r.detail || pg_catalog.jsonb_build_object('times', coalesce((r.detail ->> 'times')::integer, 1) + 1)
where r.id = (select l.id from audit.job_run as l where l.job = %(job)s order by l.started_at desc limit 1)
  and r.outcome = 'failed' and r.error = %(error)s
