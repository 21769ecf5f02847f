-- How a table is watched, or was last.
SELECT key_columns, kind FROM audit.tracked_table WHERE table_name = %(table)s ORDER BY until IS NULL DESC, id DESC LIMIT 1
