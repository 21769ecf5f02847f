WITH sums AS (DELETE FROM audit.entry_sum WHERE day = %(day)s)
DELETE FROM audit.entry_tally WHERE day = %(day)s
