-- A look that found nothing to do leaves only its time, in the last run's row.
update audit.job_run as r
set detail = r.detail || pg_catalog.jsonb_build_object('checked_at',
  pg_catalog.to_char(pg_catalog.clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
where r.id = (select l.id from audit.job_run as l where l.job = %(job)s order by l.started_at desc limit 1)
