SELECT key_columns FROM audit.tracked_table WHERE table_name = %(table)s ORDER BY until IS NULL DESC, id DESC LIMIT 1
