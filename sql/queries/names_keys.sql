-- The columns of the key of each table that is or was under watch.
SELECT DISTINCT ON (table_name) table_name, coalesce(key_columns, '{}') FROM audit.tracked_table ORDER BY table_name, until IS NULL DESC, id DESC
