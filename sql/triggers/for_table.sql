-- The trigger function that a table has for itself: audit.capture() with a short way for one row before its own (docs/decisions/0002).
-- What the common function looks up for each write, it has as constants: the table's number, its key, what is ignored, masked and kept.
-- object: function audit.present_relation(integer): The table of a registration, when its columns are as noted and all of built-in types; else NULL.
-- object: function audit.quick_relation(integer): The same for the trigger functions, whose plans work it out until the table is altered.
-- object: function audit.capture_name(oid): The name of the trigger function that a tracked table, or a partition of one, should have.
-- object: function audit.capture_number(integer): The number, where the registration of that number has a trigger function of its own; else NULL.
-- object: function audit.capture_text(integer): The text of a tracked table's own trigger function: the common one where it needs none any more.
-- object: function audit.capture_head(oid): How a trigger function runs: what stands before its text in the statement that makes it.
-- object: function audit.capture_differs(integer): Whether a tracked table's own trigger function is missing, or not as it should be.
-- object: function audit.make_capture(integer): Makes the trigger function of a tracked table.
-- object: function audit.put_capture(integer, boolean): Makes a tracked table's own trigger function where it is missing or differs, or anew.
-- object: function audit.forget_captures(): Drops trigger functions of tables that need none of their own; one that a trigger still calls becomes the common one.

-- VOLATILE, so that it sees what is so now: the snapshot of a COPY is older than its lock on the table, and what the table's owner altered
-- meanwhile is not in it. In a transaction whose snapshot is older still nothing can be said.
create or replace function audit.present_relation(number integer)
returns oid
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
begin
  return (
    select t.relid::oid from audit.tracked_table as t
    where t.id = number and t.until is null and t.noted_for = t.relid::oid and current_setting('transaction_isolation') = 'read committed'
      and not exists (
        select from pg_attribute as a
        where a.attrelid = t.relid and a.attnum > 0 and (
          a.attname is distinct from t.columns[a.attnum]
          -- The test of audit.has_plain_types.
          or a.atttypid >= 16384 or a.atttypid in (114, 199) or a.attgenerated = 'v')));
end
$function$;

-- IMMUTABLE, as audit.incarnation_here(): a plan over the rows of a statement is made anew when their table was altered, and then only.
create or replace function audit.quick_relation(number integer)
returns oid
language sql immutable
set search_path = pg_catalog, pg_temp
as $function$
  select audit.present_relation(number)
$function$;

-- Without a key all of a row tells which it was, and a table whose writes go through when they cannot be logged has another end.
create or replace function audit.capture_number(number integer)
returns integer
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select t.id from audit.tracked_table as t
  where t.id = number and t.until is null and t.kind = 'tracked' and t.failure = 'strict' and t.key_columns is not null
$function$;

create or replace function audit.capture_name(relation oid)
returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select case
    when t.failure = 'available' then 'capture_available'
    else coalesce('capture_' || audit.capture_number(t.id), 'capture') end
  from audit.config_of(relation) as t
$function$;

create or replace function audit.capture_text(number integer)
returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
declare
  read_place constant text := e'    -- The short way of a table that has a function of its own is read here: audit.capture_text().\n';
  write_place constant text := e'  -- And written here.\n';
  image constant text := 'coalesce(after_image, before_image)';
  common text := (select p.prosrc from pg_proc as p where p.oid = 'audit.capture()'::regprocedure);
  insert_transaction text := (
    select substring(p.prosrc from 'insert into audit\.transaction \(.*?\n    on conflict do nothing')
    from pg_proc as p where p.oid = 'audit.write_transaction()'::regprocedure);
  config audit.tracked_table;
  registration text;
  guard text;
  ready text;
  unsettled text[];
  settled text;
  one_image text := '';
  key text;
  old_value text;
  new_value text;
  about text;
  place text;
begin
  select t.* into config from audit.tracked_table as t where t.id = audit.capture_number(number);
  -- What is left on a partition that was detached must go on with whatever the common function calls by then.
  if config.id is null then
    return common;
  end if;
  -- Somebody replaced the others: status says so, and installing makes them again.
  if strpos(common, read_place) = 0 or strpos(common, write_place) = 0 or insert_transaction is null then
    return null;
  end if;
  -- As a hash, without numbers that another database would have otherwise: whoever alters the registry by hand is found out.
  registration := md5(jsonb_build_array(config.columns, config.key_columns, config.ignored, config.masked, config.about, config.account_column,
    config.parent_columns, config.registered, config.shown)::text);

  -- Nothing of a row is read before it is sure that no code of the table's owner can run.
  guard := format('audit.quick_relation(%s) = tg_relid', number);
  ready := $text$now() <@ audit.days_made('audit.change', 'audit.transaction')
        and audit.log_is_sound('audit.change', 'audit.change_spill', 'audit.transaction', 'audit.transaction_spill', 'audit.entity')$text$;
  -- An update of these has more to say, or to register, than the change: it takes the long way.
  unsettled := array(
    select distinct k from unnest(config.key_columns || config.account_column || config.parent_columns
      || case when config.registered then config.about end) as k
    where k is not null order by k);
  settled := case when cardinality(unsettled) = 1 then format('%L = any (s.same)', unsettled[1]) else format('s.same @> %L', unsettled) end;
  if not config.registered then
    select string_agg(format($text$
    elsif tg_op = %1$L and current_setting('transaction_isolation') = 'read committed' then
      select i.image%3$s, i.image, i.several, not i.several and pg_column_size(i.image) < 2000 and %5$s
      into %2$s_part, %4$s_image, several, own
      from (
        select to_jsonb(r.*) as image, exists (select from %2$s_rows offset 1) as several
        from %2$s_rows as r where %6$s limit 1) as i;$text$,
      o.operation, o.part, case when config.ignored <> '{}' then format(' - %L::text[]', config.ignored) else '' end, o.image, ready, guard), '')
    into one_image
    from (values ('INSERT', 'new', 'after'), ('DELETE', 'old', 'before')) as o(operation, part, image);
  end if;

  -- A function takes a hundred arguments.
  select string_agg('jsonb_build_object(' || p.columns || ')', ' || ' order by p.part) into key
  from (
    select k.place / 45 as part, string_agg(format('%1$L, %2$s -> %1$L', k.name, image), ', ' order by k.place) as columns
    from unnest(config.key_columns) with ordinality as k(name, place) where k.name is not null group by 1) as p;
  select 'old_part' || coalesce(string_agg(format(m.text, 'old_part', m.name, m.hidden), ''), ''),
    'new_part' || coalesce(string_agg(format(m.text, 'new_part', m.name, m.hidden), ''), '')
  into old_value, new_value
  from (
    select k as name, jsonb_build_object(k, '••••••') as hidden, ' || case when %1$s ? %2$L then %3$L::jsonb else ''{}'' end' as text
    from unnest(config.masked) as k where k is not null) as m;
  select case when count(*) = 0 then 'null' else format($text$case when tg_op = 'UPDATE' then nullif((%s)%s, '{}') end$text$,
      string_agg('jsonb_build_object(' || p.columns || ')', ' || '), string_agg(p.changed, '')) end
  into about
  from (
    select k.place / 45 as part, string_agg(format('%1$L, after_image -> %1$L', k.name), ', ') as columns,
      string_agg(format($text$ - case when new_part ? %1$L then %1$L else '' end$text$, k.name), '') as changed
    from unnest(config.about) with ordinality as k(name, place) where k.name is not null group by 1) as p;
  place := case when config.parent_table is not null then format(
      'p.root_table, p.root, p.tenant from audit.place_of((select t from audit.tracked_table as t where t.id = %s), %s) as p', number, image)
    else 'null, null, ' || coalesce(format('%s ->> %L', image, config.account_column), 'null') end;

  common := replace(common, e'\ndeclare\n', format(e'\ndeclare\n  own boolean; -- registered as %s\n', registration));
  -- First, for names of columns stand in what is put in its place; no name is as long as the other mark.
  common := replace(common, write_place, format($text$
  if own then
    if tg_op <> 'UPDATE' or new_part <> '{}' then
      with change as (
        insert into audit.change (at, transaction_id, table_id, operation, key, old, new, about, root_table_id, root_key, account)
        select now(), pg_current_xact_id(), %1$s, tg_op::"char", %2$s, %3$s, %4$s, %5$s, %6$s)
      %7$s;
    end if;
    return null;
  end if;

$text$, number, key, old_value, new_value, about, place, insert_transaction));
  return replace(common, read_place, format($text$
    if tg_op = 'UPDATE' and current_setting('transaction_isolation') = 'read committed' then
      select i.before_image - s.same, i.after_image - s.same, i.before_image, i.after_image, i.several,
        not i.several and pg_column_size(i.after_image) < 2000 and %1$s and %2$s
      into old_part, new_part, before_image, after_image, several, own
      from (
        select to_jsonb(o.*) as before_image, to_jsonb(n.*) as after_image,
          exists (select from old_rows offset 1) or exists (select from new_rows offset 1) as several
        from old_rows as o, new_rows as n where %3$s limit 1) as i
      cross join lateral (
        select array(
          select k.key from jsonb_each(i.after_image) as k where k.value = i.before_image -> k.key%4$s) as same offset 0) as s;%5$s
    end if;
    exit reading when own;

$text$, settled, ready, guard, case when config.ignored <> '{}' then format(' or k.key = any (%L::text[])', config.ignored) else '' end, one_image));
end
$function$;

create or replace function audit.capture_head(made oid)
returns text
language sql stable
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $function$
  select split_part(split_part(pg_get_functiondef(made), e'()\n', 2), e'\nAS $', 1)
$function$;

create or replace function audit.capture_differs(number integer)
returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select (audit.capture_number(number) is not null or to_regprocedure('audit.capture_' || number || '()') is not null)
    and not exists (
      select from pg_proc as p
      where p.oid = to_regprocedure('audit.capture_' || number || '()') and p.prosrc = audit.capture_text(number)
        and p.proowner = to_regrole('audit_capture') and audit.capture_head(p.oid) = audit.capture_head('audit.capture()'::regprocedure))
$function$;

-- Runs as audit_capture, whose the function has to be; that may make one only while audit.put_capture() lets it. The text is quoted, for
-- names of columns stand in it, which their owner chooses.
create or replace function audit.make_capture(number integer)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
declare
  identity constant text := 'audit.capture_' || number || '()';
  body constant text := audit.capture_text(number);
begin
  if body is null then
    raise exception 'the functions audit.capture() and audit.write_transaction() are not as this version makes them'
      using errcode = 'object_not_in_prerequisite_state', hint = 'Run: whochanged install';
  end if;
  execute format(e'create or replace function %s\n%s\nas %L', identity,
    audit.capture_head('audit.capture()'::regprocedure), body);
  execute format('comment on function %s is %L', identity, 'Trigger function: audit.capture() for one table.');
  execute format('revoke all on function %s from public', identity);
  execute format('grant execute on function %s to audit_owner', identity);
end
$function$;

create or replace function audit.put_capture(number integer, anew boolean default false)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
begin
  -- Anew, so that plans are worked out anew that were made for what was registered before.
  if not audit.capture_differs(number) and not (anew and audit.capture_number(number) is not null) then
    return false;
  end if;
  -- Two at a time would alter the rights of the schema at once. Who has nothing to make waits for nobody.
  perform pg_advisory_xact_lock(hashtextextended('whochanged: audit.put_capture', 0));
  -- Somebody gave it away: the triggers that call it stay.
  if to_regprocedure('audit.capture_' || number || '()') is not null then
    execute format('alter function audit.capture_%s() owner to audit_capture', number);
  end if;
  grant create on schema audit to audit_capture;
  perform audit.make_capture(number);
  revoke create on schema audit from audit_capture;
  return true;
end
$function$;

create or replace function audit.forget_captures()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
declare
  unused record;
begin
  for unused in
    select p.oid::regprocedure as identity, substr(p.proname, 9)::integer as number,
      exists (select from pg_trigger as t where t.tgfoid = p.oid) as called
    from pg_proc as p
    where p.pronamespace = 'audit'::regnamespace and p.proname ~ '^capture_[0-9]+$' and audit.capture_number(substr(p.proname, 9)::integer) is null
  loop
    if unused.called then
      -- By a partition that was detached.
      perform audit.put_capture(unused.number);
    else
      execute format('drop function %s', unused.identity);
    end if;
  end loop;
end
$function$;

alter function audit.present_relation(integer) owner to audit_owner;
alter function audit.quick_relation(integer) owner to audit_owner;
alter function audit.capture_name(oid) owner to audit_owner;
alter function audit.capture_number(integer) owner to audit_owner;
alter function audit.capture_text(integer) owner to audit_owner;
alter function audit.capture_head(oid) owner to audit_owner;
alter function audit.capture_differs(integer) owner to audit_owner;
alter function audit.put_capture(integer, boolean) owner to audit_owner;
alter function audit.forget_captures() owner to audit_owner;
revoke all on function audit.present_relation(integer), audit.quick_relation(integer), audit.capture_name(oid), audit.capture_number(integer), audit.capture_text(integer),
  audit.capture_head(oid), audit.capture_differs(integer), audit.make_capture(integer), audit.put_capture(integer, boolean),
  audit.forget_captures() from public;
grant execute on function audit.present_relation(integer), audit.quick_relation(integer), audit.capture_name(oid), audit.capture_number(integer), audit.capture_text(integer),
  audit.capture_head(oid) to audit_capture;
-- The page tells whether every trigger is in its place, and what it calls as it should be.
grant execute on function audit.capture_name(oid), audit.capture_number(integer), audit.capture_text(integer), audit.capture_head(oid),
  audit.capture_differs(integer) to audit_web;
