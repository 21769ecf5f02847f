-- The database's clock, and where the retention begins.
SELECT now(), now() - make_interval(hours => 24 * coalesce((
    SELECT max(s.value)::integer FROM audit.setting AS s WHERE s.name = 'retention_days'), 90))
