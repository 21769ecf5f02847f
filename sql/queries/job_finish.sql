-- Writes down how a run ended, and gives its lock back.
update audit.job_run as r
set outcome = %(outcome)s, finished_at = pg_catalog.clock_timestamp(), detail = r.detail || %(detail)s, error = %(error)s
where r.id = %(id)s
returning pg_catalog.pg_advisory_unlock(%(runs)s, (r.id %% 2147483647)::integer)
