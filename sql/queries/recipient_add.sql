-- A new recipient; its first digest begins at the watermark that was read before.
INSERT INTO audit.recipient (email, name, timezone, cadence, send_at, weekday, account, modules, when_empty, first_incarnation, first_xid)
VALUES (%(email)s, %(name)s, %(timezone)s, %(cadence)s, %(send_at)s, %(weekday)s, %(account)s, %(modules)s, %(when_empty)s,
    %(first_incarnation)s, %(first_xid)s::text::xid8)
