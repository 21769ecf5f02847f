-- A table that is or was under watch, under all the numbers that it had: the last one first.
SELECT id, key_columns, kind, about FROM audit.tracked_table WHERE table_name = %(table)s ORDER BY until IS NULL DESC, id DESC
