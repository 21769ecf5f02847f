-- The names of modules, types or actors that the index counts.
SELECT DISTINCT CASE %(what)s WHEN 'module' THEN t.module WHEN 'type' THEN t.type ELSE t.actor END FROM audit.entry_tally AS t
