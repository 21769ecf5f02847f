-- Whether the table of the settings is there, for whoever may not read it too.
select 1
from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspname = 'audit' and c.relname = 'setting'
