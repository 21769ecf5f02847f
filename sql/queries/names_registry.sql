-- The registry's last word on some rows, also on deleted ones: tables and keys in two arrays.
SELECT DISTINCT ON (w.place) w.place::integer, e.about
FROM unnest(%(tables)s::text[], %(keys)s::text[]) WITH ORDINALITY AS w(table_name, key, place)
JOIN audit.tracked_table AS t ON t.table_name = w.table_name
JOIN audit.entity AS e ON e.table_id = t.id AND e.key = w.key::jsonb
ORDER BY w.place, e.deleted_at IS NULL DESC, e.deleted_at DESC, t.id DESC
