-- Partitions of tracked tables without the triggers of the log, which the login may put there; a row for each tracked table.
select t.relid::oid as relation, t.kind, coalesce(t.key_columns, '{}') || t.about as columns, b.parts
from audit.tracked_table as t
join pg_catalog.pg_class as c on c.oid = t.relid and c.relkind = 'p'
cross join lateral (
  select array_agg(distinct w.part::text) as parts, bool_and(pg_catalog.pg_has_role(session_user, p.relowner, 'usage')) as may
  from audit.wanted_triggers(t.relid, t.kind, coalesce(t.key_columns, '{}') || t.about) as w
  join pg_catalog.pg_class as p on p.oid = w.part
  where w.part <> t.relid
    and not exists (select from pg_catalog.pg_trigger as g where g.tgrelid = w.part and g.tgname = w.name)) as b
where t.until is null and b.may and pg_catalog.pg_has_role(session_user, 'audit_owner', 'usage')
order by t.id
