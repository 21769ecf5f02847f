-- Which of some tables cannot be put under watch by whoever asks, and why: the first reason of each. Needs no installed log.
-- Where audit.track() would refuse for what only it can see (code in an index), it still does.
select wanted.name, case
  when c.relkind not in ('r', 'p')
    then pg_catalog.format('is a %%s: only tables can be tracked',
      case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'sequence or an index' end)
  when c.relpersistence = 't' then 'is temporary: only lasting tables can be tracked'
  when c.relispartition then pg_catalog.format('is a partition: name its root %%s instead', pg_catalog.pg_partition_root(c.oid)::pg_catalog.regclass)
  when exists (
    select from pg_catalog.pg_inherits as i join pg_catalog.pg_class as child on child.oid = i.inhrelid
    where c.oid in (i.inhrelid, i.inhparent) and not child.relispartition)
    then 'takes part in plain inheritance, which triggers cannot watch as a whole: make it a partitioned table'
  when not pg_catalog.pg_has_role(c.relowner, 'usage')
    then pg_catalog.format('belongs to %%s: install as this role, as a member of it, or as a superuser', c.relowner::pg_catalog.regrole)
  when wanted.registered and pg_catalog.row_security_active(c.oid)
    then 'has row security, which hides rows from you: install as its owner or as a superuser'
  when own.name is not null then pg_catalog.format('has a trigger %%s of its own: rename it', own.name) end
from rows from (pg_catalog.unnest(%(names)s::text[]), pg_catalog.unnest(%(registered)s::boolean[])) as wanted(name, registered)
join pg_catalog.pg_namespace as n on true
join pg_catalog.pg_class as c on c.relnamespace = n.oid and n.nspname || '.' || c.relname = wanted.name and c.relkind not in ('c', 't')
left join lateral (
  select g.tgname as name
  from pg_catalog.pg_trigger as g join pg_catalog.pg_proc as f on f.oid = g.tgfoid
  where g.tgrelid = c.oid and g.tgname in ('audit_insert', 'audit_update', 'audit_delete', 'audit_truncate', 'audit_truncated', 'audit_replicated')
    and f.pronamespace is distinct from pg_catalog.to_regnamespace('audit')
  order by 1 limit 1) as own on true
where wanted.name not like 'audit.%%'
order by wanted.name
