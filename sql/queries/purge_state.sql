-- What has become of one table of a day: attached, leaving, left, or NULL when it is gone.
select case when i.inhrelid is null then 'left' when i.inhdetachpending then 'leaving' else 'attached' end
from pg_catalog.pg_class as c
left join pg_catalog.pg_inherits as i on i.inhrelid = c.oid
where c.oid = pg_catalog.to_regclass('audit.' || pg_catalog.quote_ident(%(name)s))
