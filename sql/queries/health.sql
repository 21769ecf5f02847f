-- The state of the log as a whole.
select
  (select s.value from audit.setting as s where s.name = 'version') as installed_version,
  -- Days from tomorrow on that have both partitions, in their place; none where today lacks one.
  (select case when bool_or(h.there) filter (where h.d = 0) then count(*) filter (where h.there and h.d > 0) else 0 end
   from (
     select d, (
       select count(*) = 2 from pg_catalog.pg_inherits as i
       where not i.inhdetachpending and i.inhrelid in (
         pg_catalog.to_regclass('audit.change_' || pg_catalog.to_char((now() at time zone 'UTC') + d * interval '1 day', 'YYYYMMDD')),
         pg_catalog.to_regclass('audit.transaction_' || pg_catalog.to_char((now() at time zone 'UTC') + d * interval '1 day', 'YYYYMMDD')))
     ) as there
     from pg_catalog.generate_series(0, 60) as d) as h
  )::integer as partitions_ahead,
  (select count(*) from audit.change_spill)::integer as spilled_changes,
  (select count(*) from audit.transaction_spill)::integer as spilled_transactions,
  -- A change has the time of its transaction, and only the transactions have an index on it.
  (select min(t.at) from (
     select min(p.at) as at from audit.transaction as p
     union all select min(s.at) from audit.transaction_spill as s) as t) as oldest_entry,
  (select c.system_identifier is distinct from (
     select i.system_identifier from audit.incarnation as i order by i.id desc limit 1)
   from pg_catalog.pg_control_system() as c) as moved_to_another_cluster,
  coalesce((
    select pg_catalog.jsonb_object_agg(d.table_name, d.statements)
    from (
      select t.table_name, count(*) as statements
      from audit.all_change as c join audit.tracked_table as t on t.id = c.table_id
      where c.degraded is not null and c.at >= now() - interval '168 hours'
      group by t.table_name) as d), '{}') as degraded,
  (select case when s.is_called then s.last_value else 0 end from audit.unrecorded as s)::integer as unrecorded
