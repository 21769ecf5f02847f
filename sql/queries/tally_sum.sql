-- Entries of some days, counted in each of the ways that choices and overview need; NULL stands for any.
SELECT grouping(t.day, t.actor, t.type, t.entity, t.sensitivity), t.day, t.module, t.actor, t.actor_kind, t.type, t.entity, t.account, t.former_account,
    t.sensitivity, sum(t.entries)::bigint
FROM audit.entry_tally AS t
WHERE t.day = ANY (%(days)s)
    AND (%(modules)s::text[] IS NULL OR t.module = ANY (%(modules)s)) AND (%(types)s::text[] IS NULL OR t.type = ANY (%(types)s))
    AND (%(actors)s::text[] IS NULL OR t.actor = ANY (%(actors)s)) AND (%(kind)s::text IS NULL OR t.actor_kind = %(kind)s)
    AND (%(levels)s::text[] IS NULL OR t.sensitivity = ANY (%(levels)s))
    AND (%(account)s::text IS NULL OR t.account = %(account)s OR t.former_account = %(account)s)
    AND (%(accounts)s::text[] IS NULL OR t.account = ANY (%(accounts)s) OR t.former_account = ANY (%(accounts)s))
GROUP BY GROUPING SETS ((t.day, t.module), (t.actor, t.actor_kind), (t.type), (t.entity), (t.sensitivity), (t.account, t.former_account))
