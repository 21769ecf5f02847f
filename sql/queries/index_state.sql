-- How far the index of entries has come, and the days that it has in these words, the latest first.
SELECT i.incarnation, i.xid::text::bigint, i.names, coalesce((
    SELECT array_agg(d.day ORDER BY d.day DESC) FROM audit.entry_day AS d WHERE d.words = %(words)s), '{}'),
    now(), now() - make_interval(hours => 24 * coalesce((
        SELECT max(s.value)::integer FROM audit.setting AS s WHERE s.name = 'retention_days'), 90))
FROM audit.entry_index AS i
