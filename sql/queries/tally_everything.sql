-- All entries of some days, counted in each of the ways that choices and overview need: as tally_sum gives them.
SELECT s.what, CASE s.what WHEN 'module' THEN s.day END AS day, s.name, s.other, sum(s.entries)::bigint
FROM audit.entry_sum AS s
WHERE s.day = ANY (%(days)s)
GROUP BY 1, 2, 3, 4
