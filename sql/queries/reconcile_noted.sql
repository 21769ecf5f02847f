update audit.baseline_table set reconciled_at = %(at)s, differences = %(differences)s where table_id = %(table)s
