-- Entries of some days that pass filters, counted in each of the ways that choices and overview need; NULL stands for any filter.
-- Of accounts, both of an entry that moved are given.
SELECT s.what, s.day,
    CASE s.what WHEN 'module' THEN s.module WHEN 'person' THEN s.actor WHEN 'type' THEN s.type WHEN 'entity' THEN s.entity
        WHEN 'sensitivity' THEN s.sensitivity ELSE s.account END AS name,
    CASE s.what WHEN 'person' THEN s.actor_kind WHEN 'account' THEN s.former_account END AS other, s.entries
FROM (
    SELECT CASE grouping(t.module, t.actor, t.type, t.entity, t.sensitivity) WHEN 15 THEN 'module' WHEN 23 THEN 'person' WHEN 27 THEN 'type'
            WHEN 29 THEN 'entity' WHEN 30 THEN 'sensitivity' ELSE 'account' END AS what,
        t.day, t.module, t.actor, t.actor_kind, t.type, t.entity, t.account, t.former_account, t.sensitivity, sum(t.entries)::bigint AS entries
    FROM audit.entry_tally AS t
    WHERE t.day = ANY (%(days)s)
        AND (%(modules)s::text[] IS NULL OR t.module = ANY (%(modules)s)) AND (%(types)s::text[] IS NULL OR t.type = ANY (%(types)s))
        AND (%(actors)s::text[] IS NULL OR t.actor = ANY (%(actors)s)) AND (%(kind)s::text IS NULL OR t.actor_kind = %(kind)s)
        AND (%(levels)s::text[] IS NULL OR t.sensitivity = ANY (%(levels)s))
        AND (%(account)s::text IS NULL OR t.account = %(account)s OR t.former_account = %(account)s)
        AND (%(accounts)s::text[] IS NULL OR t.account = ANY (%(accounts)s) OR t.former_account = ANY (%(accounts)s))
    GROUP BY GROUPING SETS ((t.day, t.module), (t.actor, t.actor_kind), (t.type), (t.entity), (t.sensitivity), (t.account, t.former_account))) AS s
