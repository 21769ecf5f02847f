-- Tracked tables that a catalogue does not name; the log's own are nobody's to name.
SELECT t.table_name FROM audit.tracked_table AS t
WHERE t.until IS NULL AND t.table_name NOT LIKE 'audit.%%' AND t.table_name <> ALL (%(named)s) ORDER BY t.table_name
