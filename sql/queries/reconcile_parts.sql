-- The tables that hold changes: of a day that a purge is taking away, also the one that is no partition any more, or is about to be none.
select 'audit.change' as part
union all select 'audit.change_spill'
union all
select pg_catalog.format('audit.%I', c.relname)
from pg_catalog.pg_class as c
left join pg_catalog.pg_inherits as i on i.inhrelid = c.oid
where c.relnamespace = 'audit'::pg_catalog.regnamespace and c.relkind = 'r' and c.relname ~ '^change_[0-9]{8}$'
  and (i.inhrelid is null or i.inhdetachpending)
