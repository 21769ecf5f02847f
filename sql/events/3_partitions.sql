-- Puts the triggers of a tracked table on partitions that are new to it (docs/ddl.md). Runs as the first superuser, since a partition
-- may be anybody's: so it reads pg_catalog alone, whose tables hold no code of others, and makes nothing but the triggers of the log.

create or replace function audit.enrol_partitions()
returns event_trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $function$
#variable_conflict use_variable
declare
  ours oid[];
  found record;
  present oid;
begin
  -- Most DDL is of no partition. The server plans these queries anew after each DDL: a short one first.
  if not exists (
    select from pg_event_trigger_ddl_commands() as d join pg_class as o on o.oid = d.objid
    where d.classid = 'pg_class'::regclass and (o.relkind = 'p' or o.relispartition))
  then
    return;
  end if;
  ours := array(
    select p.oid from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
    where n.nspname = 'audit' and p.prorettype = 'trigger'::regtype
      and p.proowner = to_regrole('audit_capture') and p.prosecdef);
  for found in
    select p.relid, c.relnamespace as space, w.name, w.moment, w.images, w.enabled, f.oid as function, f.proname, root.id as root
    from (select distinct d.objid from pg_event_trigger_ddl_commands() as d where d.classid = 'pg_class'::regclass) as d
    join pg_class as o on o.oid = d.objid and (o.relkind = 'p' or o.relkind = 'r' and o.relispartition) and o.relpersistence <> 't'
    cross join lateral (select pg_partition_root(o.oid)::oid as id) as root
    join pg_trigger as g on g.tgrelid = root.id and g.tgfoid = any (ours) and g.tgtype & 1 = 0 and g.tgenabled = 'A'
    join (values
      ('audit_insert', 'audit_insert', 'after insert', 'referencing new table as new_rows for each statement', 'always'),
      ('audit_update', 'audit_update', 'after update', 'referencing old table as old_rows new table as new_rows for each statement', 'always'),
      ('audit_delete', 'audit_delete', 'after delete', 'referencing old table as old_rows for each statement', 'always'),
      ('audit_truncate', 'audit_truncate', 'before truncate', 'for each statement', 'always'),
      ('audit_truncated', 'audit_truncated', 'after truncate', 'for each statement', 'always'),
      -- A partitioned table has none of its own: a subscription writes rows into the lowest ones.
      ('audit_replicated', 'audit_insert', 'after insert or update or delete', 'for each row', 'replica')
    ) as w(name, of_root, moment, images, enabled) on w.of_root = g.tgname
    join pg_proc as f on f.oid = case when w.name = w.of_root then g.tgfoid
      else to_regprocedure('audit.capture_replicated()') end and f.oid = any (ours)
    cross join lateral (select t.relid from pg_partition_tree(o.oid) as t) as p
    join pg_class as c on c.oid = p.relid and (c.relkind = 'r' or c.relkind = 'p' and w.name <> 'audit_replicated')
    where p.relid <> root.id
      and not exists (select from pg_trigger as h where h.tgrelid = p.relid and h.tgname = w.name and h.tgfoid = f.oid)
    order by p.relid, w.name
  loop
    -- ENABLE ALWAYS below is DDL of a partition too: what was found missing may have come by it.
    select h.tgfoid into present from pg_trigger as h where h.tgrelid = found.relid and h.tgname = found.name;
    continue when present = found.function;
    -- That of another strict table, or the common one, logs the partition as rightly: a table may be under watch itself, or have been a
    -- partition of another. Installing puts the quickest there.
    continue when present = any (ours) and found.proname ~ '^capture(_[0-9]+)?$'
      and exists (select from pg_proc as p where p.oid = present and p.proname ~ '^capture(_[0-9]+)?$');
    if present is not null then
      raise exception 'table % has a trigger % of its own: rename it before it becomes a partition of the tracked table %',
        found.relid::regclass, found.name, found.root::regclass
        using errcode = 'duplicate_object', hint = 'The triggers of the log have this name.';
    end if;
    execute format('create trigger %I %s on %s %s execute function audit.%I()',
      found.name, found.moment, found.relid::regclass, found.images, found.proname);
    execute format('comment on trigger %I on %s is %L',
      found.name, found.relid::regclass, 'whochanged: what changes here stands in audit.log');
    execute format('alter table %s enable %s trigger %I', found.relid::regclass, found.enabled, found.name);
    -- A TRUNCATE is logged with its rows where the root's is.
    if has_table_privilege('audit_capture', found.root, 'select') and not has_table_privilege('audit_capture', found.relid, 'select') then
      execute format('grant select on %s to audit_capture', found.relid::regclass);
      if not has_schema_privilege('audit_capture', found.space, 'usage') then
        execute format('grant usage on schema %s to audit_capture', found.space::regnamespace);
      end if;
    end if;
  end loop;
end
$function$;

comment on function audit.enrol_partitions() is 'Event trigger function: puts the triggers of the log on new partitions of tracked tables.';
