UPDATE audit.entry_day SET entries = entries + %(entries)s, last_id = greatest(last_id, %(last_id)s) WHERE day = %(day)s
