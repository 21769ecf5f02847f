-- What became of the tables under watch since the log noted their names: what a table is called now, which columns were renamed, and
-- all that it has.
select t.table_name, n.nspname || '.' || c.relname, coalesce(a.renamed, '{}'), a.present
from audit.tracked_table as t
join pg_catalog.pg_class as c on c.oid = t.relid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
cross join lateral (
  select pg_catalog.array_agg(a.attname::text) as present,
    pg_catalog.jsonb_object_agg(t.columns[a.attnum], a.attname) filter (
      where t.noted_for = c.oid and t.columns[a.attnum] <> a.attname) as renamed
  from pg_catalog.pg_attribute as a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as a
where t.until is null and a.present is not null
