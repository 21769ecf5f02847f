-- Refuses DDL that would weaken the triggers of the log, to whoever is neither superuser nor a member of audit_owner (docs/ddl.md).
-- These run with the rights of whoever runs the DDL, who may have none on the log: they read pg_catalog alone. They belong to the
-- first superuser, so that nobody else can change what superusers run without knowing.

create or replace function audit.guard_ddl()
returns event_trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
declare
  names constant name[] := array['audit_insert', 'audit_update', 'audit_delete', 'audit_truncate', 'audit_truncated', 'audit_replicated'];
  ours oid[];
  here bigint;
  found record;
begin
  if pg_has_role(current_user, 'audit_owner', 'member') then
    return;
  end if;
  ours := array(
    select p.oid from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
    where n.nspname = 'audit' and p.prorettype = 'trigger'::regtype);
  here := pg_current_xact_id()::text::bigint;
  for found in
    select t.tgname, t.tgrelid
    from pg_event_trigger_ddl_commands() as d
    left join pg_trigger as g on d.classid = 'pg_trigger'::regclass and g.oid = d.objid
    cross join lateral (select coalesce(g.tgrelid, d.objid) as id) as r
    join pg_class as c on c.oid = r.id and c.relkind in ('r', 'p')
    cross join lateral (select p.relid from pg_partition_tree(r.id) as p union select r.id) as p(relid)
    join pg_trigger as t on t.tgrelid = p.relid
    where d.classid in ('pg_class'::regclass, 'pg_trigger'::regclass) and case
      when t.tgfoid = any (ours) then
        -- RENAME, and DEPENDS ON EXTENSION, which would let DROP EXTENSION take all of them at once.
        t.oid = g.oid and d.command_tag = 'ALTER TRIGGER'
        -- What this transaction itself did: a trigger that somebody else switched off must not stand in the way of other DDL.
        or case when t.tgenabled <> case t.tgname when 'audit_replicated' then 'R' else 'A' end or t.tgname <> all (names) then
          pg_xact_status((here + (t.xmin::text::bigint - (here & 4294967295) + 6442450944) % 4294967296 - 2147483648)::text::xid8)
            = 'in progress' end
      else
        t.oid = g.oid and t.tgname = any (names)
        and exists (select from pg_trigger as o where o.tgrelid = t.tgrelid and o.tgfoid = any (ours)) end
    order by t.tgrelid <> r.id, t.tgrelid, t.tgname
    limit 1
  loop
    raise exception 'the trigger % of % belongs to the audit log: it can be neither disabled nor renamed, replaced or dropped',
      found.tgname, found.tgrelid::regclass
      using errcode = 'insufficient_privilege', hint = format('A member of audit_owner can end the watch: select audit.untrack(%L)',
        coalesce(pg_partition_root(found.tgrelid), found.tgrelid)::regclass);
  end loop;
end
$function$;

create or replace function audit.guard_drop()
returns event_trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
declare
  found record;
begin
  if pg_has_role(current_user, 'audit_owner', 'member') then
    return;
  end if;
  -- The others are still there: nothing but DROP FUNCTION, which only members may, and DROP TABLE take all at once.
  for found in
    select d.address_names[3] as name, c.oid as relation
    from pg_event_trigger_dropped_objects() as d
    join pg_namespace as n on n.nspname = d.address_names[1]
    join pg_class as c on c.relnamespace = n.oid and c.relname = d.address_names[2]
    where d.object_type = 'trigger' and not d.is_temporary
      and d.address_names[3] in ('audit_insert', 'audit_update', 'audit_delete', 'audit_truncate', 'audit_truncated', 'audit_replicated')
      and exists (
        select from pg_trigger as t join pg_proc as p on p.oid = t.tgfoid join pg_namespace as s on s.oid = p.pronamespace
        where t.tgrelid = c.oid and s.nspname = 'audit' and p.prorettype = 'trigger'::regtype)
    limit 1
  loop
    raise exception 'the trigger % of % belongs to the audit log: it can be neither disabled nor renamed, replaced or dropped',
      found.name, found.relation::regclass
      using errcode = 'insufficient_privilege', hint = format('A member of audit_owner can end the watch: select audit.untrack(%L)',
        coalesce(pg_partition_root(found.relation), found.relation)::regclass);
  end loop;
end
$function$;

comment on function audit.guard_ddl() is 'Event trigger function: refuses DDL that would weaken the triggers of the log.';
comment on function audit.guard_drop() is 'Event trigger function: refuses to drop a trigger of the log.';
