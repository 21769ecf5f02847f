-- The log as it is now, without a scan: what is there, what is missing, how much of it.
select
  pg_catalog.clock_timestamp() as at,
  (select s.value from audit.setting as s where s.name = 'version') as installed_version,
  (select i.since from audit.incarnation as i order by i.id limit 1) as installed_at,
  (select c.system_identifier is distinct from (
     select i.system_identifier from audit.incarnation as i order by i.id desc limit 1)
   from pg_catalog.pg_control_system() as c) as moved_to_another_cluster,
  -- Days from tomorrow on that have both partitions without a gap; none where today lacks one.
  (select coalesce(min(h.d) - 1, 60) from (
     select d, (
       select count(*) = 2 from pg_catalog.pg_inherits as i
       where not i.inhdetachpending and i.inhrelid in (
         pg_catalog.to_regclass('audit.change_' || pg_catalog.to_char((now() at time zone 'UTC') + d * interval '1 day', 'YYYYMMDD')),
         pg_catalog.to_regclass('audit.transaction_' || pg_catalog.to_char((now() at time zone 'UTC') + d * interval '1 day', 'YYYYMMDD')))
     ) as there
     from pg_catalog.generate_series(0, 60) as d) as h
   where not h.there) as days_ahead,
  -- That there are some is what matters; a million are counted by whoever moves them.
  (select count(*) from (select from audit.change_spill limit 10000) as s)
    + (select count(*) from (select from audit.transaction_spill limit 10000) as s) as spilled_rows,
  (select min(t.at) from (
     select min(p.at) as at from audit.transaction as p
     union all select min(s.at) from audit.transaction_spill as s) as t) as oldest_entry,
  -- Asking for the size of every partition takes longer than all the rest: of days that are over, the last vacuum or analyze counted it.
  (select sum(case
      when c.relname ~ pg_catalog.to_char(now() at time zone 'UTC', '_YYYYMMDD') or c.relname ~ 'spill' then pg_catalog.pg_relation_size(c.oid)
      else c.relpages * pg_catalog.current_setting('block_size')::bigint end)::bigint
   from pg_catalog.pg_class as c
   where (c.relnamespace = 'audit'::pg_catalog.regnamespace and c.relkind in ('r', 'i'))
     or c.oid in (select r.reltoastrelid from pg_catalog.pg_class as r where r.relnamespace = 'audit'::pg_catalog.regnamespace)
  ) as log_bytes,
  (select case when s.is_called then s.last_value else 0 end from audit.degraded as s) as degraded,
  (select case when s.is_called then s.last_value else 0 end from audit.unrecorded as s) as unrecorded,
  (select a.pid from pg_catalog.pg_locks as a
   where a.locktype = 'advisory' and a.objsubid = 2 and a.granted
     and a.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
     and a.classid = (%(locks)s)::bigint::oid and a.objid = (%(leader)s)::bigint::oid
   limit 1) as leader_pid
