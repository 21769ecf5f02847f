-- What the index keeps of the former names of some rows, by their numbers: tables and keys as text in two arrays.
SELECT w.place::integer, n.id, n.old
FROM unnest(%(tables)s::text[], %(keys)s::text[]) WITH ORDINALITY AS w(table_name, key, place)
JOIN audit.entry_name AS n ON n.table_name = w.table_name AND n.key = w.key
ORDER BY n.id
