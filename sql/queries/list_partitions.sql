-- The day partitions with their bounds; the bounds stand in the name too, but these are the ones that count.
select p.relname as parent, c.relname as name,
  substring(b.bounds from 'FROM \(''([^'']+)''\)')::timestamptz as lower,
  substring(b.bounds from 'TO \(''([^'']+)''\)')::timestamptz as upper,
  pg_catalog.pg_total_relation_size(c.oid) as bytes,
  i.inhdetachpending as detach_pending
from pg_catalog.pg_inherits as i
join pg_catalog.pg_class as c on c.oid = i.inhrelid
join pg_catalog.pg_class as p on p.oid = i.inhparent
cross join lateral (select pg_catalog.pg_get_expr(c.relpartbound, c.oid) as bounds) as b
where p.oid in ('audit.transaction'::pg_catalog.regclass, 'audit.change'::pg_catalog.regclass) and c.relkind = 'r'
order by lower, parent
