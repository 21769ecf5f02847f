-- What the watch over each tracked table is worth: triggers wanted and found, on every partition.
select t.table_name, t.kind,
  c.oid is not null as exists,
  coalesce(w.wanted, 0)::integer as triggers_wanted,
  coalesce(w.present, 0)::integer as triggers_present,
  coalesce(w.enabled, 0)::integer as triggers_enabled,
  coalesce(w.current, 0)::integer as triggers_current,
  coalesce(w.missing, '{}') as triggers_missing,
  coalesce(w.disabled, '{}') as triggers_disabled,
  coalesce(w.not_always, '{}') as triggers_not_always,
  coalesce(w.changed, '{}') as triggers_changed,
  coalesce(w.bare, '{}') as partitions_without_trigger,
  -- Capture finds a renamed column by its number; what it does not find is gone.
  array(
    select distinct k
    from unnest(coalesce(t.key_columns, '{}') || t.about || t.ignored || t.masked || coalesce(t.parent_columns, '{}')
      || t.account_column || t.label_column) as k
    where k is not null and c.oid is not null and not exists (
      select from pg_catalog.pg_attribute as a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        and (a.attname = k or t.noted_for = c.oid and t.columns[a.attnum] = k))
    order by k) as columns_missing,
  array(
    select case when t.columns[a.attnum] is null then a.attname || ' (new)' else a.attname || ' (was ' || t.columns[a.attnum] || ')' end
    from pg_catalog.pg_attribute as a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      and t.noted_for = c.oid and a.attname is distinct from t.columns[a.attnum]
    order by a.attnum) as columns_since,
  nullif(space.nspname || '.' || c.relname, t.table_name) as now_called,
  exists (
    select from pg_catalog.pg_class as o join pg_catalog.pg_namespace as s on s.oid = o.relnamespace
    where s.nspname || '.' || o.relname = t.table_name and o.relkind in ('r', 'p') and o.oid <> c.oid) as name_taken,
  array(
    select i.inhrelid::pg_catalog.regclass::text
    from pg_catalog.pg_inherits as i join pg_catalog.pg_class as h on h.oid = i.inhrelid
    where i.inhparent = c.oid and not h.relispartition order by 1) as inherited_by,
  coalesce(w.readable, false) as truncate_keeps_rows,
  t.failure
from audit.tracked_table as t
left join pg_catalog.pg_class as c on c.oid = t.relid
left join pg_catalog.pg_namespace as space on space.oid = c.relnamespace
left join lateral (
  select count(*) as wanted,
    count(g.tgname) as present,
    count(*) filter (where g.tgenabled = f.enabled) as enabled,
    count(*) filter (where audit.is_current(g.oid, f.definition)) as current,
    -- Partitions without a trigger are named themselves.
    array_agg(f.name order by f.name) filter (where g.tgname is null and f.part = t.relid) as missing,
    array_agg(named.trigger order by named.trigger) filter (where g.tgenabled = 'D') as disabled,
    array_agg(named.trigger order by named.trigger) filter (where g.tgenabled <> 'D' and g.tgenabled <> f.enabled) as not_always,
    array_agg(named.trigger order by named.trigger) filter (where g.tgname is not null and not audit.is_current(g.oid, f.definition)) as changed,
    array_agg(distinct f.part::text) filter (where g.tgname is null and f.part <> t.relid) as bare,
    bool_and(audit.can_read(f.part)) filter (where pk.relkind = 'r') as readable
  from (
    select w.*, case w.name when 'audit_replicated' then 'R' else 'A' end as enabled
    from audit.wanted_triggers(t.relid, t.kind, coalesce(t.key_columns, '{}') || t.about) as w) as f
  join pg_catalog.pg_class as pk on pk.oid = f.part
  left join pg_catalog.pg_trigger as g on g.tgrelid = f.part and g.tgname = f.name
  cross join lateral (
    select case when f.part = t.relid then f.name else f.name || ' on ' || f.part::text end as trigger) as named
) as w on c.oid is not null
where t.until is null
-- The log's own tables last.
order by t.table_name like 'audit.%', t.table_name
