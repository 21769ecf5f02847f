-- The triggers of a tracked table, on every level of a partitioned one.
-- object: function audit.put_triggers(regclass, text, text[]): Makes the triggers of a table and its partitions, where they are missing or differ.
-- object: function audit.wanted_triggers(regclass, text, text[]): The triggers that a table and its partitions should have.
-- object: function audit.drop_triggers(regclass): Removes the triggers of the log from a table and its partitions.

create or replace function audit.drop_triggers(relation regclass)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
declare
  part regclass;
  name text;
begin
  for part, name in
    select t.tgrelid::regclass, t.tgname
    from pg_trigger as t
    where t.tgrelid in (select p.relid from pg_partition_tree(relation) as p union select relation)
      and t.tgparentid = 0
      and t.tgfoid in (select p.oid from pg_proc as p where p.pronamespace = 'audit'::regnamespace and p.prorettype = 'trigger'::regtype)
  loop
    execute format('drop trigger %I on %s', name, part);
  end loop;
end
$function$;

create or replace function audit.wanted_triggers(relation regclass, kind text, columns text[])
returns table (part regclass, name text, definition text)
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  -- A partition may be under watch itself, from before it was attached: it has what is its own.
  select p.oid::regclass, w.name, w.head || ' on ' || p.oid::regclass || ' ' || regexp_replace(
      case when p.function = 'capture_available' then replace(w.tail, 'capture_truncate()', 'capture_truncate_available()') else w.tail end,
      'audit\.capture\(\)$', 'audit.' || coalesce(p.function, 'capture') || '()')
  from (
    select c.oid, c.relkind, audit.capture_name(c.oid) as function from (select t.relid from pg_partition_tree(relation) as t union select relation) as t
    join pg_class as c on c.oid = t.relid where c.relkind in ('r', 'p')) as p
  cross join (values
    ('tracked', 'audit_insert', 'create trigger audit_insert after insert',
     'referencing new table as new_rows for each statement execute function audit.capture()'),
    ('tracked', 'audit_update', 'create trigger audit_update after update',
     'referencing old table as old_rows new table as new_rows for each statement execute function audit.capture()'),
    ('tracked', 'audit_delete', 'create trigger audit_delete after delete',
     'referencing old table as old_rows for each statement execute function audit.capture()'),
    ('rows', 'audit_replicated', 'create trigger audit_replicated after insert or update or delete',
     'for each row execute function audit.capture_replicated()'),
    ('label', 'audit_insert', 'create trigger audit_insert after insert',
     'for each row execute function audit.capture_label()'),
    ('label', 'audit_update', 'create trigger audit_update after update', (
      select format(
        'for each row when (pg_catalog.record_image_ne(row(%s), row(%s))) execute function audit.capture_label()',
        string_agg('old.' || quote_ident(k), ', ' order by k), string_agg('new.' || quote_ident(k), ', ' order by k))
      from (select distinct k from unnest(columns) as k) as k)),
    ('label', 'audit_delete', 'create trigger audit_delete after delete',
     'for each row execute function audit.capture_label()'),
    ('both', 'audit_truncate', 'create trigger audit_truncate before truncate',
     'for each statement execute function audit.capture_truncate()'),
    ('both', 'audit_truncated', 'create trigger audit_truncated after truncate',
     'for each statement execute function audit.capture_truncate()')
  ) as w(for_kind, name, head, tail)
  -- A row trigger on a partitioned table makes its own copies on the partitions.
  -- One that was made on each has no need of the partition key, which may run code of its owner.
  where w.for_kind = 'both' or (w.for_kind = kind and (kind = 'tracked' or p.oid = relation))
    or (w.for_kind = 'rows' and kind = 'tracked' and p.relkind = 'r')
$function$;

-- object: function audit.is_current(oid, text): Whether a trigger is the one that a definition of audit.wanted_triggers() makes.
-- Its comment would not tell: CREATE OR REPLACE TRIGGER keeps it.
create or replace function audit.is_current(trigger_id oid, definition text)
returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $function$
  select coalesce(bool_and(
    t.tgfoid = to_regprocedure(substring(definition from ' execute function (audit\.[a-z0-9_]+\(\))$'))
    -- The bits of pg_trigger.tgtype: 1 each row, 2 before, 4 insert, 8 delete, 16 update, 32 truncate.
    and t.tgtype = case t.tgname
      when 'audit_insert' then 4 when 'audit_delete' then 8 when 'audit_update' then 16
      when 'audit_truncate' then 2 + 32 when 'audit_truncated' then 32
      when 'audit_replicated' then 1 + 4 + 8 + 16 end + case when w.is_label then 1 else 0 end
    and t.tgnargs = 0 and cardinality(t.tgattr::int2[]) = 0
    and t.tgoldtable is not distinct from
      case when not w.is_label and t.tgname in ('audit_update', 'audit_delete') then 'old_rows'::name end
    and t.tgnewtable is not distinct from
      case when not w.is_label and t.tgname in ('audit_insert', 'audit_update') then 'new_rows'::name end
    -- The condition of a table that lends names, as the server spells it.
    and case when w.condition is null then t.tgqual is null
      else strpos(pg_get_triggerdef(t.oid), ' FOR EACH ROW WHEN ('
        || replace(replace(w.condition, 'pg_catalog.record_image_ne(row(', 'record_image_ne(ROW('), '), row(new.', '), ROW(new.')
        || ') EXECUTE FUNCTION ') > 0 end), false)
  from pg_trigger as t
  cross join (select
    definition like '% execute function audit.capture_label()' as is_label,
    substring(definition from ' for each row when \((.*)\) execute function audit\.capture_label\(\)$') as condition) as w
  where t.oid = trigger_id
$function$;

create or replace function audit.put_triggers(relation regclass, kind text, columns text[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
declare
  wanted record;
  present record;
  enabled "char";
begin
  -- What is done here is no news: the event triggers leave it out.
  update audit.table_shape as s set busy = true from audit.tracked_table as t
  where t.relid = relation and t.until is null and s.table_id = t.id;
  perform audit.put_capture(t.id) from audit.tracked_table as t where t.relid = relation and t.until is null;
  for present in
    select t.tgrelid::regclass as part, t.tgname as name,
      t.tgfoid in (select p.oid from pg_proc as p where p.pronamespace = 'audit'::regnamespace and p.prorettype = 'trigger'::regtype)
        or coalesce(obj_description(t.oid, 'pg_trigger') like 'whochanged%', false) as ours
    from pg_trigger as t
    left join audit.wanted_triggers(relation, kind, columns) as w
      on w.part = t.tgrelid and w.name = t.tgname and audit.is_current(t.oid, w.definition)
    where t.tgrelid in (select p.relid from pg_partition_tree(relation) as p union select relation)
      and t.tgparentid = 0 and t.tgname in ('audit_insert', 'audit_update', 'audit_delete', 'audit_truncate', 'audit_truncated', 'audit_replicated')
      and w.name is null
    -- What is not ours comes first: an error leaves everything as it was.
    order by ours, t.tgrelid, t.tgname
  loop
    if not present.ours then
      raise exception 'table % has a trigger % of its own: rename it', present.part, present.name
        using errcode = 'duplicate_object', hint = 'The triggers of the log have this name.';
    end if;
    execute format('drop trigger %I on %s', present.name, present.part);
  end loop;
  for wanted in select w.part, w.name, w.definition from audit.wanted_triggers(relation, kind, columns) as w loop
    -- Looked up one by one: an event trigger may have put it on a partition meanwhile.
    select t.tgenabled into enabled from pg_trigger as t where t.tgrelid = wanted.part and t.tgname = wanted.name;
    if enabled is null then
      execute wanted.definition;
      execute format(
        'comment on trigger %I on %s is %L', wanted.name, wanted.part, 'whochanged: what changes here stands in audit.log');
    end if;
    if enabled is distinct from (case wanted.name when 'audit_replicated' then 'R' else 'A' end) then
      execute format('alter table %s enable %s trigger %I', wanted.part,
        case wanted.name when 'audit_replicated' then 'replica' else 'always' end, wanted.name);
    end if;
  end loop;
  perform audit.forget_captures();
  perform audit.let_read(c.oid)
  from (select p.relid from pg_partition_tree(relation) as p union select relation) as p
  join pg_class as c on c.oid = p.relid where c.relkind in ('r', 'p');
  -- What somebody switched off is on again, and that is news.
  insert into audit.schema_change (command, table_name, thing, name, action)
  select 'audit.track', t.table_name, 'capture', string_agg(c.key, ', ' order by c.key), 'switched on'
  from audit.tracked_table as t join audit.table_shape as s on s.table_id = t.id and s.noted_for = t.relid
  cross join jsonb_each(s.shape -> 'capture') as c
  where t.relid = relation and t.until is null and c.value ->> 'state' <> 'A'
  group by t.table_name;
  perform audit.keep_shape(t.id) from audit.tracked_table as t where t.relid = relation and t.until is null;
end
$function$;

-- object: function audit.let_read(regclass): Lets the log read a table, for the rows that a TRUNCATE removes.
create or replace function audit.let_read(part regclass)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
declare
  space oid;
begin
  select c.relnamespace into space from pg_class as c where c.oid = part;
  if not has_table_privilege('audit_capture', part, 'select') then
    execute format('grant select on %s to audit_capture', part);
  end if;
  if not has_schema_privilege('audit_capture', space, 'usage') then
    if exists (select from pg_namespace as n where n.oid = space and pg_has_role(n.nspowner, 'usage')) then
      execute format('grant usage on schema %s to audit_capture', space::regnamespace);
    else
      raise notice 'a TRUNCATE of % will be logged without its rows until the owner of its schema runs: grant usage on schema % to audit_capture', part, space::regnamespace;
    end if;
  end if;
end
$function$;

alter function audit.drop_triggers(regclass) owner to audit_owner;
alter function audit.is_current(oid, text) owner to audit_owner;
alter function audit.put_triggers(regclass, text, text[]) owner to audit_owner;
alter function audit.wanted_triggers(regclass, text, text[]) owner to audit_owner;
alter function audit.let_read(regclass) owner to audit_owner;
revoke all on function audit.drop_triggers(regclass), audit.put_triggers(regclass, text, text[]),
  audit.wanted_triggers(regclass, text, text[]), audit.let_read(regclass), audit.is_current(oid, text) from public;
-- The page tells whether every trigger is in its place; both only look.
grant execute on function audit.wanted_triggers(regclass, text, text[]), audit.is_current(oid, text) to audit_web;
