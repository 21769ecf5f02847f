-- Tracked tables whose triggers are missing, switched off or of another making, where the login may put them right. Where a column that they
-- name is called otherwise by now, the catalogue has to say how.
select t.relid::oid as relation, t.kind, coalesce(t.key_columns, '{}') || t.about as columns, t.table_name as name
from audit.tracked_table as t
join pg_catalog.pg_class as c on c.oid = t.relid
cross join lateral (
  select bool_and(pg_catalog.pg_has_role(session_user, p.relowner, 'usage')) as may, bool_or(not g.sound) as stale
  from audit.wanted_triggers(t.relid, t.kind, coalesce(t.key_columns, '{}') || t.about) as w
  join pg_catalog.pg_class as p on p.oid = w.part
  cross join lateral (
    select coalesce(bool_or(audit.is_current(g.oid, w.definition)
      and g.tgenabled = case w.name when 'audit_replicated' then 'R' else 'A' end), false) as sound
    from pg_catalog.pg_trigger as g where g.tgrelid = w.part and g.tgname = w.name) as g) as s
where t.until is null and s.stale and s.may and pg_catalog.pg_has_role(session_user, 'audit_owner', 'usage')
  and not exists (
    select from pg_catalog.unnest(coalesce(t.key_columns, '{}') || t.about) as k
    where k not in (select a.attname from pg_catalog.pg_attribute as a where a.attrelid = t.relid and a.attnum > 0 and not a.attisdropped))
order by t.id
