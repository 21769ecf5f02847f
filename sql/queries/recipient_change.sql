-- Changes what is given and nothing else; where the digests stand stays as it is. No row where all is so already.
UPDATE audit.recipient AS r
SET email = n.email, name = n.name, timezone = n.timezone, cadence = n.cadence, send_at = n.send_at, weekday = n.weekday,
    account = n.account, modules = n.modules, when_empty = n.when_empty
FROM (
    SELECT q.id,
        CASE WHEN 'email' = ANY (g.names) THEN %(email)s ELSE q.email END AS email,
        CASE WHEN 'name' = ANY (g.names) THEN %(name)s ELSE q.name END AS name,
        CASE WHEN 'timezone' = ANY (g.names) THEN %(timezone)s ELSE q.timezone END AS timezone,
        CASE WHEN 'cadence' = ANY (g.names) THEN %(cadence)s ELSE q.cadence END AS cadence,
        CASE WHEN 'send_at' = ANY (g.names) THEN %(send_at)s ELSE q.send_at END AS send_at,
        CASE WHEN 'weekday' = ANY (g.names) THEN %(weekday)s ELSE q.weekday END AS weekday,
        CASE WHEN 'account' = ANY (g.names) THEN %(account)s ELSE q.account END AS account,
        CASE WHEN 'modules' = ANY (g.names) THEN %(modules)s ELSE q.modules END AS modules,
        CASE WHEN 'when_empty' = ANY (g.names) THEN %(when_empty)s ELSE q.when_empty END AS when_empty
    FROM audit.recipient AS q
    CROSS JOIN (SELECT %(given)s::text[] AS names) AS g
    WHERE q.id = %(id)s
    FOR UPDATE OF q) AS n
WHERE r.id = n.id
    AND (r.email, r.name, r.timezone, r.cadence, r.send_at, r.weekday, r.account, r.modules, r.when_empty)
        IS DISTINCT FROM (n.email, n.name, n.timezone, n.cadence, n.send_at, n.weekday, n.account, n.modules, n.when_empty)
