-- The names of modules, types or people that the index counts.
SELECT DISTINCT s.name FROM audit.entry_sum AS s WHERE s.what = %(what)s
