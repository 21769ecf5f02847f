-- The tables of days that a purge is about, oldest first. `ours` says that we may drop it; `state` is attached (a partition), leaving (its detaching was broken off)
-- or left (no partition any more, and not dropped yet). `old` says that every row in it is from before the given midnight.
-- A partition's bounds say which day it holds; of a table that has none any more, its name does.
with every as (
  select p.relname as parent, c.oid, c.relname as name, c.relowner,
    case when i.inhdetachpending then 'leaving' else 'attached' end as state,
    substring(b.bounds from 'FROM \(''([^'']+)''\)')::timestamptz as lower,
    substring(b.bounds from 'TO \(''([^'']+)''\)')::timestamptz as upper
  from pg_catalog.pg_inherits as i
  join pg_catalog.pg_class as c on c.oid = i.inhrelid
  join pg_catalog.pg_class as p on p.oid = i.inhparent
  cross join lateral (select pg_catalog.pg_get_expr(c.relpartbound, c.oid) as bounds) as b
  where p.oid in ('audit.transaction'::pg_catalog.regclass, 'audit.change'::pg_catalog.regclass, 'audit.entry'::pg_catalog.regclass) and c.relkind = 'r'
  union all
  select split_part(c.relname, '_', 1), c.oid, c.relname, c.relowner, 'left',
    d.day::timestamp at time zone 'UTC', (d.day + 1)::timestamp at time zone 'UTC'
  from pg_catalog.pg_class as c
  -- The 31st of a short month is a day of the next one here, and then no name that we gave.
  cross join lateral (
    select case when c.relname ~ '^(change|transaction|entry)_[1-9]\d{3}(0[1-9]|1[0-2])([0-2]\d|3[01])$' then pg_catalog.make_date(
        substring(c.relname from '_(\d{4})')::integer, substring(c.relname from '_\d{4}(\d{2})')::integer, 1)
      + substring(c.relname from '(\d{2})$')::integer - 1 end as day) as d
  where c.relnamespace = 'audit'::pg_catalog.regnamespace and c.relkind = 'r' and not c.relispartition
    and pg_catalog.to_char(d.day, 'YYYYMMDD') = pg_catalog.right(c.relname, 8)
)
select parent, name, pg_catalog.pg_has_role(relowner, 'usage') as ours, state,
  coalesce(upper <= %(before)s, false) as old,
  case when upper <= %(before)s then (coalesce(lower, upper) at time zone 'UTC')::date end as first_day,
  case when upper <= %(before)s then (upper at time zone 'UTC')::date - 1 end as last_day,
  coalesce(pg_catalog.pg_total_relation_size(oid), 0) as bytes
from every
order by upper, parent
