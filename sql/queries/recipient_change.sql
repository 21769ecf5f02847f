-- Changes what is given and nothing else; where the digests stand stays as it is. No row where all is so already.
-- Whether mails come back is said of an address: another one begins anew.
UPDATE audit.recipient AS r
SET email = n.email, name = n.name, timezone = n.timezone, language = n.language, cadence = n.cadence, send_at = n.send_at,
    weekday = n.weekday, account = n.account, accounts = n.accounts, modules = n.modules, sensitivity = n.sensitivity,
    when_empty = n.when_empty, alerts = n.alerts,
    bounced_at = CASE WHEN lower(n.email) = lower(r.email) THEN r.bounced_at END,
    bounce = CASE WHEN lower(n.email) = lower(r.email) THEN r.bounce END,
    soft_bounces = CASE WHEN lower(n.email) = lower(r.email) THEN r.soft_bounces ELSE 0 END
FROM (
    SELECT q.id,
        CASE WHEN 'email' = ANY (g.names) THEN %(email)s ELSE q.email END AS email,
        CASE WHEN 'name' = ANY (g.names) THEN %(name)s ELSE q.name END AS name,
        CASE WHEN 'timezone' = ANY (g.names) THEN %(timezone)s ELSE q.timezone END AS timezone,
        CASE WHEN 'language' = ANY (g.names) THEN %(language)s ELSE q.language END AS language,
        CASE WHEN 'cadence' = ANY (g.names) THEN %(cadence)s ELSE q.cadence END AS cadence,
        CASE WHEN 'send_at' = ANY (g.names) THEN %(send_at)s ELSE q.send_at END AS send_at,
        CASE WHEN 'weekday' = ANY (g.names) THEN %(weekday)s ELSE q.weekday END AS weekday,
        CASE WHEN 'accounts' <> ALL (g.names) THEN q.account WHEN cardinality(g.accounts) = 1 THEN g.accounts[1] END AS account,
        CASE WHEN 'accounts' <> ALL (g.names) THEN q.accounts WHEN cardinality(g.accounts) > 1 THEN g.accounts END AS accounts,
        CASE WHEN 'modules' = ANY (g.names) THEN %(modules)s ELSE q.modules END AS modules,
        CASE WHEN 'sensitivity' = ANY (g.names) THEN %(sensitivity)s ELSE q.sensitivity END AS sensitivity,
        CASE WHEN 'when_empty' = ANY (g.names) THEN %(when_empty)s ELSE q.when_empty END AS when_empty,
        CASE WHEN 'alerts' = ANY (g.names) THEN %(alerts)s ELSE q.alerts END AS alerts
    FROM audit.recipient AS q
    CROSS JOIN (SELECT %(given)s::text[] AS names, %(accounts)s::text[] AS accounts) AS g
    WHERE q.id = %(id)s
    FOR UPDATE OF q) AS n
WHERE r.id = n.id
    AND (r.email, r.name, r.timezone, r.language, r.cadence, r.send_at, r.weekday, r.account, r.accounts, r.modules, r.sensitivity,
            r.when_empty, r.alerts)
        IS DISTINCT FROM (n.email, n.name, n.timezone, n.language, n.cadence, n.send_at, n.weekday, n.account, n.accounts, n.modules,
            n.sensitivity, n.when_empty, n.alerts)
