DELETE FROM audit.entry_tally WHERE day = %(day)s
