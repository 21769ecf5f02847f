-- The mixes that may have what filters want: whether their noun is the one asked for, and whether each word begins one of theirs.
-- The first term from a word on begins with it, or none does.
SELECT m.mix, m.entity = %(entity)s,
    (SELECT bool_and(coalesce(starts_with((
            SELECT t.term FROM audit.entry_term AS t WHERE t.mix = m.mix AND t.term >= w.word ORDER BY t.term LIMIT 1), w.word), false))
        FROM unnest(%(words)s::text[]) AS w(word))
FROM audit.entry_mix AS m
WHERE (%(modules)s::text[] IS NULL OR m.module = ANY (%(modules)s)) AND (%(types)s::text[] IS NULL OR m.type = ANY (%(types)s))
    AND (%(kind)s::text IS NULL OR m.actor_kind = %(kind)s) AND (%(levels)s::text[] IS NULL OR m.sensitivity = ANY (%(levels)s))
    AND NOT EXISTS (
        SELECT FROM (VALUES (%(people)s::text[]), (%(account)s::text[]), (%(accounts)s::text[])) AS g(terms)
        WHERE g.terms IS NOT NULL AND NOT EXISTS (SELECT FROM audit.entry_term AS t WHERE t.mix = m.mix AND t.term = ANY (g.terms)))
