-- Tables beside tracked ones, in their schemas, that nobody put under watch. Those whose watch was ended are left out on purpose.
select n.nspname || '.' || c.relname
from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't' and n.nspname <> 'audit'
  and exists (
    select from audit.tracked_table as t join pg_catalog.pg_class as o on o.oid = t.relid
    where t.until is null and o.relnamespace = c.relnamespace)
  and not exists (select from audit.tracked_table as t where t.relid = c.oid)
  -- What inherits from a tracked table is told with that, and what an extension made is nobody's configuration.
  and not exists (select from pg_catalog.pg_inherits as i where i.inhrelid = c.oid)
  and not exists (
    select from pg_catalog.pg_depend as d
    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e')
  -- One that has our triggers is told as such: sql/queries/coverage_strays.sql.
  and not exists (
    select from pg_catalog.pg_trigger as g join pg_catalog.pg_proc as f on f.oid = g.tgfoid
    where g.tgrelid = c.oid and f.pronamespace = pg_catalog.to_regnamespace('audit'))
order by 1
