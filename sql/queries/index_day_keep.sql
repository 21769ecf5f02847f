INSERT INTO audit.entry_day AS d (day, words, entries, last_id) VALUES (%(day)s, %(words)s, %(entries)s, %(last_id)s)
ON CONFLICT (day) DO UPDATE SET words = excluded.words, entries = excluded.entries, last_id = excluded.last_id
