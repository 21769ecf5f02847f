-- A name has changed before the last change of entries that were told with the old one: look at them whatever is asked for.
UPDATE audit.entry AS e SET terms = e.terms || 'U'::tsvector
FROM audit.entry_day AS d
WHERE d.last_id > %(number)s AND e.last_id > %(number)s
    AND e.at >= d.day::timestamp AT TIME ZONE 'UTC' AND e.at < (d.day + 1)::timestamp AT TIME ZONE 'UTC'
