-- The tracked tables, and what stands in the way of comparing each with its log: `unreadable` bars a new baseline too, `baseless` is cured by one.
select t.id, t.table_name, s.nspname as space, c.relname as relation, coalesce(b.key_columns, k.key_columns) as key_columns, b.taken_at,
  greatest(c.reltuples, 0)::bigint as estimate,
  case
    when c.oid is null then 'it is gone'
    when k.key_columns is not null and not exists (
      select from pg_catalog.pg_index as i
      where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
        and not exists (
          select from unnest(i.indkey::int2[]) with ordinality as n(number, place)
          join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = n.number
          where n.place <= i.indnkeyatts and (not a.attnotnull or a.attname <> all (k.key_columns))))
      then pg_catalog.format('no unique index without NULLs stands for its key (%%s)', pg_catalog.array_to_string(k.key_columns, ', '))
    when not pg_catalog.has_schema_privilege(s.oid, 'usage') or not pg_catalog.has_table_privilege(c.oid, 'update, delete, truncate')
      then pg_catalog.format('%%s is not its owner', current_user)
    else audit.unreadable(c.oid)
  end as unreadable,
  case
    when b.table_id is null then 'it has no baseline'
    when b.void is not null then b.void
    when array(
      select (select min(x.present) from audit.baseline_columns(t.id) as x where x.kept = n.name and not x.retyped)
      from unnest(b.key_columns) with ordinality as n(name, place) order by n.place) is distinct from coalesce(k.key_columns, '{}')
      then 'its key is another one than that of the baseline'
  end as baseless,
  array(
    select n.name
    from unnest(audit.compared_columns(k)) as n(name)
    where b.table_id is not null and not exists (
      select from audit.baseline_columns(t.id) as x where x.present = n.name and x.compared
        and (b.key_columns <> '{}' or not x.retyped and x.kept = any (b.compared)))
    order by 1) as left_out
from audit.tracked_table as t
cross join lateral audit.config_now(t) as k
left join pg_catalog.pg_class as c on c.oid = t.relid
left join pg_catalog.pg_namespace as s on s.oid = c.relnamespace
left join audit.baseline_table as b on b.table_id = t.id
where t.until is null and (%(names)s::text[] is null or t.table_name = any (%(names)s))
order by t.table_name like 'audit.%%', t.table_name
