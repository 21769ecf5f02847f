-- The UTC days that an index should have and has not in these words, the latest first: up to tomorrow, so that a new day begins with it.
SELECT d.day::date
FROM generate_series(
    (SELECT (least(
        (SELECT min(t.at) FROM audit.transaction AS t), (SELECT min(t.at) FROM audit.transaction_spill AS t), now())
        AT TIME ZONE 'UTC')::date),
    (now() AT TIME ZONE 'UTC')::date + 1, interval '1 day') AS d(day)
WHERE NOT EXISTS (SELECT FROM audit.entry_day AS e WHERE e.day = d.day::date AND e.words = %(words)s)
ORDER BY d.day DESC
