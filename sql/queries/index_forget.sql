-- Nothing that the index has is good any more.
WITH days AS (DELETE FROM audit.entry_day)
UPDATE audit.entry_index SET names = ''
