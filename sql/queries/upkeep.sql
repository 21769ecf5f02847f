-- Whether the log is looked after: purges, digests, deliveries, the scheduler.
select
  i.id as incarnation, i.since as incarnation_since,
  p.at as purged_at, p.first_day as purged_from, p.last_day as purged_to, p.changes as purged_changes,
  (select max(d.cut_at) from audit.digest as d) as digest_cut_at,
  (select max(d.cut_at) from audit.digest as d where d.message is not null) as digest_mailed_at,
  (select max(v.sent_at) from audit.delivery as v) as mail_sent_at,
  coalesce(w.waiting, 0) as deliveries_waiting,
  coalesce(w.parked, 0) as deliveries_parked,
  coalesce(w.late, 0) as deliveries_late,
  -- What is two days past its removal: the last day of the retention goes as a whole, and one purge may have been kept from it.
  coalesce((
    select min(t.at) < now() - make_interval(hours => 24 * 3 + 24 * (
      select case when s.value ~ '^[0-9]{1,5}$' then s.value::integer else 90 end
      from audit.setting as s where s.name = 'retention_days'))
    from audit.transaction as t), false) as purge_overdue,
  -- Digests wait for it, in whatever database of the cluster it is; of other roles' sessions only some logins may know.
  least(
    (select min(a.xact_start) from pg_catalog.pg_stat_activity as a where a.backend_xid is not null),
    (select min(x.prepared) from pg_catalog.pg_prepared_xacts as x)) as oldest_open,
  exists (
    select from pg_catalog.pg_locks as l
    where l.locktype = 'advisory' and l.objsubid = 2 and l.granted
      and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
      and l.classid = (%(locks)s)::bigint::oid and l.objid = (%(leader)s)::bigint::oid) as scheduler_alive
from (select i.id, i.since from audit.incarnation as i order by i.id desc limit 1) as i
left join (select q.* from audit.purge as q order by q.id desc limit 1) as p on true
-- Nobody waits for what was cut for a recipient who is gone.
left join lateral (
  select count(*) filter (where v.state in ('pending', 'retry')) as waiting, count(*) filter (where v.state = 'parked') as parked,
    -- What waits for somebody who is to get nothing now is no fault.
    count(*) filter (where v.state in ('pending', 'retry') and d.cut_at < now() - interval '1 hour'
      and not r.paused and r.bounced_at is null and r.no_admin_since is null) as late
  from audit.delivery as v
  join audit.digest as d on d.id = v.digest_id
  join audit.recipient as r on r.id = d.recipient_id
  where v.state <> 'sent') as w on true
