-- The triggers of a tracked table, on every level of a partitioned one.
-- object: function audit.put_triggers(regclass, text, text[]): Makes the triggers of a table and its partitions, where they are missing or differ.
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
      and t.tgfoid in ('audit.capture()'::regprocedure, 'audit.capture_truncate()'::regprocedure,
                       'audit.capture_label()'::regprocedure)
  loop
    execute format('drop trigger %I on %s', name, part);
  end loop;
end
$function$;

create or replace function audit.put_triggers(relation regclass, kind text, columns text[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
declare
  part regclass;
  wanted text;
  present text;
  name text;
  level_kind "char";
  watched text;
begin
  if kind = 'label' then
    select format('pg_catalog.record_image_ne(row(%s), row(%s))',
      string_agg(distinct 'old.' || quote_ident(k), ', '), string_agg(distinct 'new.' || quote_ident(k), ', '))
    into watched
    from unnest(columns) as k;
  end if;

  for part, level_kind in
    select c.oid::regclass, c.relkind
    from (select p.relid from pg_partition_tree(relation) as p union select relation) as p
    join pg_class as c on c.oid = p.relid
    where c.relkind in ('r', 'p')
  loop
    for name, wanted in
      select w.name, format(w.definition, part)
      from (values
        ('tracked', 'audit_insert', 'create trigger audit_insert after insert on %s referencing new table as new_rows for each statement execute function audit.capture()'),
        ('tracked', 'audit_update', 'create trigger audit_update after update on %s referencing old table as old_rows new table as new_rows for each statement execute function audit.capture()'),
        ('tracked', 'audit_delete', 'create trigger audit_delete after delete on %s referencing old table as old_rows for each statement execute function audit.capture()'),
        ('label', 'audit_insert', 'create trigger audit_insert after insert on %s for each row execute function audit.capture_label()'),
        ('label', 'audit_update', 'create trigger audit_update after update on %s for each row when (' || replace(watched, '%', '%%') || ') execute function audit.capture_label()'),
        ('label', 'audit_delete', 'create trigger audit_delete after delete on %s for each row execute function audit.capture_label()'),
        ('both', 'audit_truncate', 'create trigger audit_truncate before truncate on %s for each statement execute function audit.capture_truncate()'),
        ('both', 'audit_truncated', 'create trigger audit_truncated after truncate on %s for each statement execute function audit.capture_truncate()')
      ) as w(for_kind, name, definition)
      -- A row trigger on a partitioned table makes its own copies on the partitions.
      where w.for_kind = 'both' or (w.for_kind = kind and (kind = 'tracked' or part = relation))
    loop
      select obj_description(t.oid, 'pg_trigger') into present
      from pg_trigger as t where t.tgrelid = part and t.tgname = name;
      if found then
        continue when present = 'whochanged ' || md5(wanted);
        execute format('drop trigger %I on %s', name, part);
      end if;
      execute wanted;
      execute format('comment on trigger %I on %s is %L', name, part, 'whochanged ' || md5(wanted));
      execute format('alter table %s enable always trigger %I', part, name);
    end loop;
    perform audit.let_read(part);
  end loop;
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
alter function audit.put_triggers(regclass, text, text[]) owner to audit_owner;
alter function audit.let_read(regclass) owner to audit_owner;
revoke all on function audit.drop_triggers(regclass), audit.put_triggers(regclass, text, text[]), audit.let_read(regclass) from public;
