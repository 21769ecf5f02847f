-- Tables that have the log's triggers and are neither tracked nor a partition of a table that is.
select distinct g.tgrelid::pg_catalog.regclass::text
from pg_catalog.pg_trigger as g
where g.tgfoid in (
    pg_catalog.to_regprocedure('audit.capture()'), pg_catalog.to_regprocedure('audit.capture_truncate()'),
    pg_catalog.to_regprocedure('audit.capture_label()'), pg_catalog.to_regprocedure('audit.capture_replicated()'),
    pg_catalog.to_regprocedure('audit.capture_available()'), pg_catalog.to_regprocedure('audit.capture_truncate_available()'))
  and not exists (
    select from audit.tracked_table as t
    where t.until is null and (t.relid = g.tgrelid
      or t.relid in (select a.relid from pg_catalog.pg_partition_ancestors(g.tgrelid) as a)))
order by 1
