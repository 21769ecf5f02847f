-- How far the watermark of the digests lags, and the transaction that holds it back: the oldest that is open and has a number, in whatever
-- database of the cluster it is. What only reads has none; slots of replication and their xmin hold back vacuum, and not this.
-- Of other roles' sessions some logins may not know state and since; who it is they all may.
select m.xmin::text::bigint as xid, m.ahead, h.*
from (
  select pg_catalog.pg_snapshot_xmin(s.now) as xmin,
    pg_catalog.pg_snapshot_xmax(s.now)::text::bigint - pg_catalog.pg_snapshot_xmin(s.now)::text::bigint as ahead
  from pg_catalog.pg_current_snapshot() as s(now)) as m
left join lateral (
  select 'session' as kind, a.pid, null as gid, a.datname::text as database, a.usename::text as database_user,
    a.application_name as application, a.backend_type, a.state, a.xact_start as since
  from pg_catalog.pg_stat_activity as a
  where m.ahead > 0 and a.backend_xid = m.xmin::xid
  union all
  select 'prepared', null, p.gid, p.database::text, p.owner::text, null, null, 'prepared', p.prepared
  from pg_catalog.pg_prepared_xacts as p
  where m.ahead > 0 and p.transaction = m.xmin::xid
  limit 1) as h on true
