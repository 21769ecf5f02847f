-- The baselines of tracked tables take on what goes.
select audit.roll_baseline(%(parts)s::pg_catalog.regclass[], %(before)s)
