-- Moves spilled transactions to the partitions of their days; their numbers stay.
with days as (
  select substring(b.bounds from 'FROM \(''([^'']+)''\)')::timestamptz as lower,
    substring(b.bounds from 'TO \(''([^'']+)''\)')::timestamptz as upper
  from pg_catalog.pg_inherits as i
  join pg_catalog.pg_class as c on c.oid = i.inhrelid
  cross join lateral (select pg_catalog.pg_get_expr(c.relpartbound, c.oid) as bounds) as b
  where i.inhparent = 'audit.transaction'::pg_catalog.regclass and not i.inhdetachpending),
moved as (
  delete from audit.transaction_spill as s using days as d where s.at >= d.lower and s.at < d.upper returning s.*),
kept as (
  insert into audit.transaction (at, transaction_id, setting_key, id, incarnation, actor, context,
    database_user, role, application, client_addr, backend_pid, signature)
  overriding system value
  select at, transaction_id, setting_key, id, incarnation, actor, context,
    database_user, role, application, client_addr, backend_pid, signature
  from moved
  on conflict do nothing)
select count(*) from moved
