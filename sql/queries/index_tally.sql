-- So many entries more of each kind on a day, in the tally and in its sums.
WITH added AS (
    SELECT a.*
    FROM unnest(%(modules)s::text[], %(types)s::text[], %(entities)s::text[], %(actors)s::text[], %(kinds)s::text[], %(accounts)s::text[],
        %(former)s::text[], %(levels)s::text[], %(entries)s::bigint[])
        AS a(module, type, entity, actor, actor_kind, account, former_account, sensitivity, entries)),
tallied AS (
    INSERT INTO audit.entry_tally AS t (day, module, type, entity, actor, actor_kind, account, former_account, sensitivity, entries)
    SELECT %(day)s, a.module, a.type, a.entity, a.actor, a.actor_kind, a.account, a.former_account, a.sensitivity, a.entries FROM added AS a
    ON CONFLICT (day, module, type, entity, actor, actor_kind, account, former_account, sensitivity)
    DO UPDATE SET entries = t.entries + excluded.entries)
INSERT INTO audit.entry_sum AS s (day, what, name, other, entries)
SELECT %(day)s, v.what, v.name, v.other, sum(a.entries)
FROM added AS a
CROSS JOIN LATERAL (VALUES ('module', a.module, NULL), ('person', a.actor, a.actor_kind), ('type', a.type, NULL), ('entity', a.entity, NULL),
    ('sensitivity', a.sensitivity, NULL), ('account', a.account, NULL), ('account', nullif(a.former_account, a.account), NULL)) AS v(what, name, other)
WHERE v.name IS NOT NULL
GROUP BY v.what, v.name, v.other
ON CONFLICT (day, what, name, other) DO UPDATE SET entries = s.entries + excluded.entries
