-- What stands on the log's own tables and views that no installation put there: it may refuse, redirect, copy or hide rows, or run code
-- with the rights of whoever writes or reads them. And the statement that takes each away.
with own as (
  select c.oid, c.oid::pg_catalog.regclass::text as name, c.relkind, c.relrowsecurity, c.relnamespace, p.inhparent,
    coalesce(p.inhparent, c.oid) = any (array[
      pg_catalog.to_regclass('audit.change'), pg_catalog.to_regclass('audit.transaction'), pg_catalog.to_regclass('audit.change_spill'),
      pg_catalog.to_regclass('audit.transaction_spill'), pg_catalog.to_regclass('audit.entity')]::oid[]) as written
  from pg_catalog.pg_class as c
  left join pg_catalog.pg_inherits as p on p.inhrelid = c.oid
  left join pg_catalog.pg_class as parent on parent.oid = p.inhparent
  where pg_catalog.to_regnamespace('audit') in (c.relnamespace, parent.relnamespace) and c.relkind in ('r', 'p', 'v', 'f')),
added as (
  select o.name as place, pg_catalog.format('trigger %I on %s', t.tgname, o.name) as what,
    pg_catalog.format('DROP TRIGGER %I ON %s', t.tgname, o.name) as remedy
  from pg_catalog.pg_trigger as t join own as o on o.oid = t.tgrelid
  where not t.tgisinternal and t.tgparentid = 0 and not (
    t.tgname in ('audit_insert', 'audit_update', 'audit_delete', 'audit_truncate', 'audit_truncated', 'audit_replicated')
    and exists (
      select from audit.tracked_table as w join pg_catalog.pg_proc as f on f.pronamespace = pg_catalog.to_regnamespace('audit')
      where w.relid = o.oid and w.until is null and f.oid = t.tgfoid))
  union all
  select o.name, pg_catalog.format('rule %I on %s', r.rulename, o.name), pg_catalog.format('DROP RULE %I ON %s', r.rulename, o.name)
  from pg_catalog.pg_rewrite as r join own as o on o.oid = r.ev_class where r.rulename <> '_RETURN' or o.relkind <> 'v'
  union all
  select o.name, pg_catalog.format('policy %I on %s', p.polname, o.name), pg_catalog.format('DROP POLICY %I ON %s', p.polname, o.name)
  from pg_catalog.pg_policy as p join own as o on o.oid = p.polrelid
  union all
  select o.name, 'row security on ' || o.name, 'ALTER TABLE ' || o.name || ' DISABLE ROW LEVEL SECURITY' from own as o where o.relrowsecurity
  union all
  -- Of a foreign key only one end may be the log's; of what a write fills, none.
  select coalesce(o.name, r.name), pg_catalog.format('constraint %I of %s', c.conname, c.conrelid::pg_catalog.regclass),
    pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::pg_catalog.regclass, c.conname)
  from pg_catalog.pg_constraint as c left join own as o on o.oid = c.conrelid left join own as r on r.oid = c.confrelid
  where c.conparentid = 0 and c.contype = 'f' and coalesce(o.oid, r.oid) is not null and (o.oid is null or r.oid is null or o.written or r.written)
  union all
  select o.name, pg_catalog.format('constraint %I of %s', c.conname, o.name),
    pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', o.name, c.conname)
  from pg_catalog.pg_constraint as c join own as o on o.oid = c.conrelid where o.written and c.contype in ('c', 'x') and c.coninhcount = 0
  union all
  -- One that refuses rows, or runs code.
  select o.name, pg_catalog.format('index %s', i.indexrelid::pg_catalog.regclass), pg_catalog.format('DROP INDEX %s', i.indexrelid::pg_catalog.regclass)
  from pg_catalog.pg_index as i join own as o on o.oid = i.indrelid left join pg_catalog.pg_inherits as h on h.inhrelid = i.indexrelid
  where o.written and (i.indisunique or i.indexprs is not null or i.indpred is not null) and h.inhparent is null
    and not exists (
      select from (values ('change_account_idx'), ('transaction_at_transaction_id_setting_key_key'), ('transaction_spill_key'), ('entity_pkey')) as w(name)
      where pg_catalog.to_regclass('audit.' || w.name)::oid = i.indexrelid)
  union all
  select o.name, 'part ' || o.name || ' of ' || o.inhparent::pg_catalog.regclass,
    pg_catalog.format('ALTER TABLE %s DETACH PARTITION %s', o.inhparent::pg_catalog.regclass, o.name)
  from own as o
  where o.inhparent is not null and (o.relkind = 'f' or o.relnamespace <> pg_catalog.to_regnamespace('audit')))
select 'somebody made the ' || a.what as said, a.remedy from added as a order by a.place, a.what
