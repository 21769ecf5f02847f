-- Putting a table under watch.
-- object: function audit.track(regclass, text[], text[], text[], text[], text, text, regclass, text[], text, boolean, text): Puts a table under watch; call it again to change the options.

create or replace function audit.track(
  relation regclass,
  key_columns text[] default null,
  ignored text[] default '{}',
  masked text[] default null,
  about text[] default '{}',
  label_column text default null,
  account_column text default null,
  parent_table regclass default null,
  parent_columns text[] default null,
  kind text default 'tracked',
  registered boolean default false,
  failure text default 'strict')
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
declare
  full_name text;
  hidden text[];
  keys text[];
  named text[];
  missing text;
  table_number integer;
  was audit.tracked_table;
  present text[];
  open_columns text[];
  swapped audit.tracked_table;
begin
  perform audit.check_trackable(relation);
  select n.nspname || '.' || c.relname into full_name
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace where c.oid = relation;

  keys := coalesce(key_columns, audit.find_key(relation));
  hidden := coalesce(masked, audit.secret_columns(relation, keys));
  -- What names a row, its tenant and its parent is always kept with the change.
  named := array(
    select distinct k from unnest(about || label_column || account_column || parent_columns) as k
    where k is not null and k <> all (hidden) order by k);

  select string_agg(quote_ident(k), ', ') into missing
  from unnest(coalesce(keys, '{}') || ignored || coalesce(masked, '{}') || about || label_column || account_column || parent_columns) as k
  where k is not null and not exists (
    select from pg_attribute as a
    where a.attrelid = relation and a.attname = k and a.attnum > 0 and not a.attisdropped);
  if missing is not null then
    raise exception '% has no column %', full_name, missing using errcode = 'undefined_column', hint = 'Correct the names given to audit.track().';
  end if;
  if keys && hidden or keys && ignored then
    raise exception 'a key column of % cannot be ignored or masked', full_name using errcode = 'invalid_parameter_value';
  end if;
  if hidden && (coalesce(parent_columns, '{}') || account_column) then
    raise exception 'the account and parent columns of % cannot be masked: the log keeps them as they are', full_name
      using errcode = 'invalid_parameter_value', hint = 'Take them out of masked; give masked => ''{}'' where it was guessed from their names.';
  end if;
  if (parent_table is null) <> (parent_columns is null) then
    raise exception 'give parent_table and parent_columns together for %', full_name using errcode = 'invalid_parameter_value';
  end if;
  if parent_table is not null and not exists (
    select from audit.tracked_table as t where t.relid = parent_table and t.until is null)
  then
    raise exception '% is to be the parent of %, and is not tracked', parent_table, full_name
      using errcode = 'invalid_parameter_value', hint = 'Track the parent first.';
  end if;
  if failure is null or failure not in ('strict', 'available') then
    raise exception 'failure of % is %: give strict or available', full_name, coalesce(quote_literal(failure), 'NULL')
      using errcode = 'invalid_parameter_value';
  elsif failure = 'available' and kind = 'label' then
    raise exception '% lends names only, row by row: its failure is always strict', full_name
      using errcode = 'invalid_parameter_value', hint = 'Track it with kind => ''tracked''.';
  end if;
  if registered and keys is null then
    raise exception '% has no key, so its rows cannot be registered', full_name using errcode = 'invalid_parameter_value';
  end if;

  -- Row triggers are made on each partition, for which the server works out the partition key with the rights of the installer.
  select string_agg(p.relid::regclass::text, ', ') into missing
  from pg_partition_tree(relation) as p
  where kind = 'label' and audit.planned_code(p.relid) = 'partition key';
  if missing is not null then
    raise exception '% cannot lend names: the partition key of % runs code of its owner', full_name, missing
      using errcode = 'insufficient_privilege', hint = 'Track it with kind => ''tracked''.';
  end if;

  select array_agg(a.attname order by a.attnum) into present from pg_attribute as a where a.attrelid = relation and a.attnum > 0;
  -- Whoever names the masked columns has seen the others.
  open_columns := array(
    select k from unnest(present) as k where masked is not null and audit.looks_secret(k) and k <> all (hidden) order by k);

  -- A table that was dropped and made again goes on under its number.
  select t.* into was from audit.tracked_table as t where t.relid = relation;
  if not found then
    select t.* into was from audit.tracked_table as t
    where t.table_name = full_name and not exists (select from pg_class as c where c.oid = t.relid)
    order by t.id desc limit 1;
  end if;
  -- So does one that took the name of another, as when a table is built anew and swapped in.
  select t.* into swapped from audit.tracked_table as t
  where t.table_name = full_name and t.relid <> relation and t.until is null and exists (select from pg_class as c where c.oid = t.relid);
  if swapped.id is not null then
    update audit.table_shape as s set busy = true where s.table_id = swapped.id;
    perform audit.drop_triggers(swapped.relid);
    raise notice '%, which was %, is not under watch any more', swapped.relid::regclass, full_name;
    if was.id is null then
      was := swapped;
    else
      update audit.tracked_table as t set until = now() where t.id = swapped.id;
    end if;
  end if;
  if was.id is null then
    insert into audit.tracked_table (
      relid, table_name, kind, key_columns, ignored, masked, about, label_column, account_column,
      parent_table, parent_columns, registered, columns, noted_for, shown, failure)
    values (
      relation, full_name, kind, keys, ignored, hidden, named, label_column, account_column,
      parent_table, parent_columns, registered, present, relation, open_columns, failure)
    returning id into table_number;
  else
    table_number := was.id;
    -- The children of a table that was made anew are the new one's.
    update audit.tracked_table as t set parent_table = relation where t.parent_table = was.relid and was.relid <> relation;
    update audit.tracked_table as t
    set relid = relation, table_name = full_name, kind = kind, key_columns = keys, ignored = ignored,
      masked = hidden, about = named, label_column = label_column, account_column = account_column,
      parent_table = parent_table, parent_columns = parent_columns, registered = registered, until = null,
      columns = present, noted_for = relation, shown = open_columns, failure = failure
    where t.id = table_number
      and (t.relid, t.table_name, t.kind, t.key_columns, t.ignored, t.masked, t.about, t.label_column,
           t.account_column, t.parent_table, t.parent_columns, t.registered, t.until,
           t.columns, t.noted_for, t.shown, t.failure)
        is distinct from (relation, full_name, kind, keys, ignored, hidden, named, label_column,
           account_column, parent_table, parent_columns, registered, null::timestamptz,
           present, relation::oid, open_columns, failure);
    if found then
      -- Whoever writes in an open transaction may not look for another function of triggers that it has called before.
      if has_table_privilege(relation, 'update, delete, truncate') then
        execute format('lock table %s in share row exclusive mode', relation);
      else
        raise notice 'transactions that are open may log one more write of % by the options that it had', relation;
      end if;
      perform audit.put_capture(table_number, true);
    end if;
  end if;

  perform audit.put_triggers(relation, kind, coalesce(keys, '{}') || named);
  -- A watch that was ended is told; so must be that it goes on, or nobody could say of which time nothing is recorded.
  if was.until is not null and full_name not like 'audit.%' then
    insert into audit.schema_change (command, table_name, thing, action) values ('audit.track', full_name, 'capture', 'switched on');
  end if;
  if registered then
    perform audit.register_rows(table_number);
  end if;
  return table_number;
end
$function$;

alter function audit.track(regclass, text[], text[], text[], text[], text, text, regclass, text[], text, boolean, text) owner to audit_owner;
revoke all on function audit.track(regclass, text[], text[], text[], text[], text, text, regclass, text[], text, boolean, text) from public;
