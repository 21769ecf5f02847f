-- What the watch over each tracked table is worth: triggers wanted and found, on every partition.
select t.table_name, t.kind,
  c.oid is not null as exists,
  coalesce(w.wanted, 0)::integer as triggers_wanted,
  coalesce(w.present, 0)::integer as triggers_present,
  coalesce(w.enabled, 0)::integer as triggers_enabled,
  coalesce(w.current, 0)::integer as triggers_current,
  coalesce(w.bare, '{}') as partitions_without_trigger,
  array(
    select k from unnest(coalesce(t.key_columns, '{}') || t.about) as k
    where not exists (
      select from pg_catalog.pg_attribute as a
      where a.attrelid = c.oid and a.attname = k and not a.attisdropped)) as columns_missing,
  coalesce(w.readable, false) as truncate_keeps_rows
from audit.tracked_table as t
left join pg_catalog.pg_class as c on c.oid = t.relid
left join lateral (
  select count(*) as wanted,
    count(g.tgname) as present,
    count(*) filter (where g.tgenabled = 'A') as enabled,
    count(*) filter (where audit.is_current(g.oid, f.definition)) as current,
    array_agg(distinct f.part::text) filter (where g.tgname is null and f.part <> t.relid) as bare,
    bool_and(audit.can_read(f.part)) filter (where pk.relkind = 'r') as readable
  from audit.wanted_triggers(t.relid, t.kind, coalesce(t.key_columns, '{}') || t.about) as f
  join pg_catalog.pg_class as pk on pk.oid = f.part
  left join pg_catalog.pg_trigger as g on g.tgrelid = f.part and g.tgname = f.name
) as w on c.oid is not null
where t.until is null
-- The log's own tables last.
order by t.table_name like 'audit.%', t.table_name
