-- A new recipient; its first digest begins at the watermark that was read before.
INSERT INTO audit.recipient (email, name, timezone, language, cadence, send_at, weekday, account, accounts, modules, sensitivity, when_empty,
    alerts, first_incarnation, first_xid)
SELECT %(email)s, %(name)s, %(timezone)s, %(language)s, %(cadence)s, %(send_at)s, %(weekday)s,
    CASE WHEN cardinality(g.accounts) = 1 THEN g.accounts[1] END, CASE WHEN cardinality(g.accounts) > 1 THEN g.accounts END,
    %(modules)s, %(sensitivity)s, %(when_empty)s, %(alerts)s, %(first_incarnation)s, %(first_xid)s::text::xid8
FROM (SELECT %(accounts)s::text[] AS accounts) AS g
