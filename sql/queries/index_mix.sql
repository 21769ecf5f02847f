-- Kinds of entries that the index has now, and the terms that they have had.
WITH mixes AS (
    INSERT INTO audit.entry_mix (mix, actor_kind, module, type, entity, sensitivity)
    SELECT * FROM unnest(%(mixes)s::text[], %(kinds)s::text[], %(modules)s::text[], %(types)s::text[], %(entities)s::text[], %(levels)s::text[])
    ON CONFLICT (mix) DO NOTHING)
INSERT INTO audit.entry_term AS t (mix, term, period)
SELECT * FROM unnest(%(of)s::text[], %(terms)s::text[], %(periods)s::date[])
ON CONFLICT (mix, term) DO UPDATE SET period = excluded.period WHERE t.period < excluded.period
