-- The entries of a time that have the terms, newest first, by the index of terms: the order is made of what was found.
WITH found AS MATERIALIZED (
    SELECT e.at, e.transaction_id, e.place
    FROM audit.entry AS e
    WHERE e.terms @@ %(terms)s::tsquery AND e.at >= %(first)s AND e.at < %(end)s
        AND (%(after_at)s::timestamptz IS NULL OR e.at <= %(after_at)s AND (e.at, e.transaction_id) <= (%(after_at)s, %(after_id)s::text::xid8)
            AND NOT (e.at = %(after_at)s AND e.transaction_id = %(after_id)s::text::xid8 AND e.place <= %(after_place)s)))
SELECT f.at, f.transaction_id::text::bigint, f.place
FROM found AS f
ORDER BY f.at DESC, f.transaction_id DESC, f.place
LIMIT %(limit)s
