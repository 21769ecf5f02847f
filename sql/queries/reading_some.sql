-- Some transactions with all their rows, newest first: times and numbers in two arrays of one length.
-- The bounds keep other days' partitions out of the plan.
SELECT t.at, t.transaction_id::text::bigint, t.actor, t.context, t.database_user, t.role, t.application, host(t.client_addr),
    t.signature, EXISTS (
        SELECT FROM audit.gateway AS g WHERE g.role = t.database_user AND g.since <= t.at AND (g.until IS NULL OR g.until > t.at)),
    EXISTS (SELECT FROM audit.gateway AS g WHERE g.since <= t.at) OR EXISTS (SELECT FROM audit.signing_key AS k WHERE k.since <= t.at)
FROM unnest(%(times)s::timestamptz[], %(ids)s::text[]) AS w(at, id)
CROSS JOIN LATERAL (
    SELECT * FROM audit.transaction AS p WHERE p.at = w.at AND p.transaction_id = w.id::xid8 AND p.at BETWEEN %(first)s AND %(last)s
    UNION ALL
    SELECT * FROM audit.transaction_spill AS p WHERE p.at = w.at AND p.transaction_id = w.id::xid8 AND p.at BETWEEN %(first)s AND %(last)s) AS t
ORDER BY t.at DESC, t.transaction_id DESC, t.id
