-- Writes DDL on tracked tables into audit.schema_change (docs/ddl.md). These run as audit_capture, like every capture.
-- What fails in here fails the command, of a tracked table only, with a word on what to do: DDL must not pass unseen.

create or replace function audit.log_ddl()
returns event_trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
declare
  found record;
begin
  -- Somebody took the log apart: that is no reason to keep others from their work.
  if to_regclass('audit.tracked_table') is null or to_regprocedure('audit.config_of(oid)') is null then
    return;
  end if;
  -- The usual case, a table that is none of ours: the server plans these queries anew after each DDL, so a short one first.
  if not exists (
    select from pg_event_trigger_ddl_commands() as d
    where d.classid <> 'pg_class'::regclass or exists (
      select from pg_class as c where c.oid = d.objid and (
        c.relispartition or exists (select from audit.tracked_table as t where t.relid = d.objid and t.until is null))))
  then
    return;
  end if;
  for found in
    select distinct on (r.id) r.id, d.command_tag
    from pg_event_trigger_ddl_commands() as d
    left join pg_trigger as g on d.classid = 'pg_trigger'::regclass and g.oid = d.objid
    cross join lateral (
      select d.objid where d.classid = 'pg_class'::regclass
      -- The triggers of the log are put there by the log itself; it switches them to ALWAYS by ALTER TABLE.
      union select g.tgrelid where not (d.command_tag = 'CREATE TRIGGER' and g.tgfoid in (
        select p.oid from pg_proc as p where p.pronamespace = 'audit'::regnamespace and p.prorettype = 'trigger'::regtype))
      union select w.ev_class from pg_rewrite as w where d.classid = 'pg_rewrite'::regclass and w.oid = d.objid
      union select p.polrelid from pg_policy as p where d.classid = 'pg_policy'::regclass and p.oid = d.objid
      union select t.relid from audit.tracked_table as t join pg_class as c on c.oid = t.relid
        where d.classid = 'pg_namespace'::regclass and c.relnamespace = d.objid and t.until is null
    ) as r(id)
    where r.id is not null and (audit.config_of(r.id)).id is not null
    order by r.id
  loop
    begin
      perform audit.note_ddl(found.id, found.command_tag);
    exception when others then
      raise exception 'the audit log cannot write down this %: %', found.command_tag, sqlerrm
        using errcode = sqlstate, hint = 'Run  whochanged install  as a superuser; until then a superuser may run: ALTER EVENT TRIGGER audit_log_ddl DISABLE';
    end;
  end loop;
end
$function$;

create or replace function audit.log_drop()
returns event_trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
declare
  found record;
begin
  if to_regclass('audit.tracked_table') is null or to_regclass('audit.table_shape') is null
    or to_regprocedure('audit.config_of(oid)') is null
  then
    return;
  end if;
  if not exists (
    select from pg_event_trigger_dropped_objects() as d
    where not d.is_temporary and (d.object_type in ('trigger', 'rule', 'policy', 'table column') or d.object_type = 'table' and (
      exists (select from audit.tracked_table as t where t.relid = d.objid)
      or exists (select from audit.table_shape as s where s.shape -> 'partition' ? d.objid::text))))
  then
    return;
  end if;
  for found in
    select t.id as table_id, t.table_name, p.table_id as parent_id, o.relation
    from pg_event_trigger_dropped_objects() as d
    left join audit.tracked_table as t
      on d.object_type = 'table' and t.relid = d.objid and t.until is null and t.table_name not like 'audit.%'
    left join audit.table_shape as p on d.object_type = 'table' and p.shape -> 'partition' ? d.objid::text
    left join lateral (
      select c.oid as relation
      from pg_namespace as n join pg_class as c on c.relnamespace = n.oid
      where d.object_type in ('trigger', 'rule', 'policy', 'table column')
        and n.nspname = d.address_names[1] and c.relname = d.address_names[2]) as o on true
    where not d.is_temporary and (t.id is not null or p.table_id is not null
      or o.relation is not null and (audit.config_of(o.relation)).id is not null)
  loop
    begin
      if found.table_id is not null then
        insert into audit.schema_change (command, table_name, thing, action) values (tg_tag, found.table_name, 'table', 'dropped');
        delete from audit.table_shape as s where s.table_id = found.table_id;
      elsif found.parent_id is not null then
        perform audit.note_ddl(t.relid, tg_tag) from audit.tracked_table as t join pg_class as c on c.oid = t.relid where t.id = found.parent_id;
      else
        perform audit.note_ddl(found.relation, tg_tag);
      end if;
    exception when others then
      raise exception 'the audit log cannot write down this %: %', tg_tag, sqlerrm
        using errcode = sqlstate, hint = 'Run  whochanged install  as a superuser; until then a superuser may run: ALTER EVENT TRIGGER audit_log_drop DISABLE';
    end;
  end loop;
end
$function$;

create or replace function audit.log_rewrite()
returns event_trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
declare
  relation oid := pg_event_trigger_table_rewrite_oid();
  reason integer := pg_event_trigger_table_rewrite_reason();
  config record;
begin
  if to_regclass('audit.tracked_table') is null or to_regprocedure('audit.config_of(oid)') is null then
    return;
  end if;
  select t.* into config from audit.config_of(relation) as t;
  if config.id is null or config.table_name like 'audit.%' then
    return;
  end if;
  insert into audit.schema_change (command, table_name, thing, name, action, new_value)
  values (tg_tag, config.table_name, case when config.relid = relation then 'table' else 'partition' end,
    case when config.relid <> relation then relation::regclass::text end, 'rewritten',
    concat_ws(', ', case when reason & 4 > 0 then 'a new type' end, case when reason & 2 > 0 then 'a new default' end,
      case when reason & 1 > 0 then 'logged or unlogged' end, case when reason & 8 > 0 then 'another access method' end));
exception when others then
  raise exception 'the audit log cannot write down this %: %', tg_tag, sqlerrm
    using errcode = sqlstate, hint = 'Run  whochanged install  as a superuser; until then a superuser may run: ALTER EVENT TRIGGER audit_log_rewrite DISABLE';
end
$function$;

comment on function audit.log_ddl() is 'Event trigger function: writes down what a command changed of a tracked table.';
comment on function audit.log_drop() is 'Event trigger function: writes down what was dropped of a tracked table, or the table itself.';
comment on function audit.log_rewrite() is 'Event trigger function: writes down that the rows of a tracked table are rewritten.';
