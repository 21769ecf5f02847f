-- The entries that follow a place, oldest first: index_walk.sql the other way round.
SELECT w.at, w.transaction_id::text::bigint, w.place, w.hit, w.number
FROM (
    SELECT n.at, n.transaction_id, n.place, n.terms @@ %(terms)s::tsquery AS hit, row_number() OVER () AS number
    FROM (
        SELECT e.at, e.transaction_id, e.place, e.terms
        FROM audit.entry AS e
        WHERE e.at >= %(first)s AND e.at < %(end)s
            AND (%(after_at)s::timestamptz IS NULL OR e.at >= %(after_at)s AND (e.at, e.transaction_id) >= (%(after_at)s, %(after_id)s::text::xid8)
                AND NOT (e.at = %(after_at)s AND e.transaction_id = %(after_id)s::text::xid8 AND e.place >= %(after_place)s))
        ORDER BY e.at, e.transaction_id, e.place DESC
        LIMIT %(limit)s) AS n) AS w
WHERE w.hit OR w.number = %(limit)s
