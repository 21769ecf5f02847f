-- Moves spilled changes to the partitions of their days; their numbers stay.
with days as (
  select substring(b.bounds from 'FROM \(''([^'']+)''\)')::timestamptz as lower,
    substring(b.bounds from 'TO \(''([^'']+)''\)')::timestamptz as upper
  from pg_catalog.pg_inherits as i
  join pg_catalog.pg_class as c on c.oid = i.inhrelid
  cross join lateral (select pg_catalog.pg_get_expr(c.relpartbound, c.oid) as bounds) as b
  where i.inhparent = 'audit.change'::pg_catalog.regclass and not i.inhdetachpending),
moved as (
  delete from audit.change_spill as s using days as d where s.at >= d.lower and s.at < d.upper returning s.*),
kept as (
  insert into audit.change (at, id, transaction_id, table_id, operation, key, old, new, about, root_table_id, root_key, account,
    former_root_table_id, former_root_key, former_account, partition, degraded)
  overriding system value
  select at, id, transaction_id, table_id, operation, key, old, new, about, root_table_id, root_key, account,
    former_root_table_id, former_root_key, former_account, partition, degraded
  from moved)
select count(*) from moved
