-- A block of the transactions between two watermarks, newest first, each with all its rows in the order they were written.
-- The index on (transaction_id, id) of the changes finds them; the incarnation stands in the transaction's row.
WITH everything AS NOT MATERIALIZED (
    SELECT * FROM audit.transaction UNION ALL SELECT * FROM audit.transaction_spill),
numbered AS (
    SELECT DISTINCT at, transaction_id FROM (
        SELECT at, transaction_id FROM audit.change
        WHERE transaction_id >= %(lowest)s::xid8 AND transaction_id < %(highest)s::xid8
        UNION ALL
        SELECT at, transaction_id FROM audit.change_spill
        WHERE transaction_id >= %(lowest)s::xid8 AND transaction_id < %(highest)s::xid8) AS c
    WHERE %(after_at)s::timestamptz IS NULL OR (at, transaction_id) < (%(after_at)s, %(after_id)s::text::xid8)),
wanted AS (
    SELECT n.at, n.transaction_id FROM numbered AS n
    WHERE EXISTS (
        SELECT FROM everything AS t
        WHERE t.at = n.at AND t.transaction_id = n.transaction_id
            AND (t.incarnation > %(first_incarnation)s
                OR t.incarnation = %(first_incarnation)s AND t.transaction_id >= %(first_xid)s::xid8)
            AND (t.incarnation < %(next_incarnation)s
                OR t.incarnation = %(next_incarnation)s AND t.transaction_id < %(next_xid)s::xid8))
    ORDER BY n.at DESC, n.transaction_id DESC
    LIMIT %(block)s)
SELECT t.at, t.transaction_id::text::bigint, t.actor, t.context, t.database_user, t.role, t.application, host(t.client_addr)
FROM wanted AS w
JOIN everything AS t ON t.at = w.at AND t.transaction_id = w.transaction_id
ORDER BY t.at DESC, t.transaction_id DESC, t.id
