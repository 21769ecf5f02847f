-- How many entries of a time have the terms, counted up to a limit.
SELECT count(*)
FROM (
    SELECT FROM audit.entry AS e
    WHERE (%(terms)s::text = '' OR e.terms @@ %(terms)s::tsquery) AND e.at >= %(first)s AND e.at < %(end)s
    LIMIT %(limit)s) AS counted
