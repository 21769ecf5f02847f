-- The views of the log as they are, or those that are temporary: what they say, with their options.
select c.relname::text, (pg_catalog.pg_get_viewdef(c.oid), coalesce(c.reloptions, '{}'))::text
from pg_catalog.pg_class as c
where c.relkind = 'v' and c.relnamespace = case when %(temporary)s then pg_catalog.pg_my_temp_schema() else pg_catalog.to_regnamespace('audit')::oid end
