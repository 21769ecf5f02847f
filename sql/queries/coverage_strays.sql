-- Tables that have the log's triggers and are neither tracked nor a partition of a table that is.
select distinct g.tgrelid::pg_catalog.regclass::text
from pg_catalog.pg_trigger as g
where g.tgfoid in (
    select p.oid from pg_catalog.pg_proc as p
    where p.pronamespace = pg_catalog.to_regnamespace('audit') and p.prorettype = 'pg_catalog.trigger'::pg_catalog.regtype)
  and not exists (
    select from audit.tracked_table as t
    where t.until is null and (t.relid = g.tgrelid
      or t.relid in (select a.relid from pg_catalog.pg_partition_ancestors(g.tgrelid) as a)))
order by 1
