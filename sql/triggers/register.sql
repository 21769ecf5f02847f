-- The rows that are there when a table is put under watch, and the end of the watch.
-- object: function audit.register_rows(integer): Brings the rows of a registered table into audit.entity; returns how many were new or differed.
-- object: function audit.end_watch(integer): Notes the end of the watch over a table, and writes it into the log.
-- object: function audit.untrack(regclass): Ends the watch over a table; its log stays.
-- object: function audit.untrack(text): The same by the name that the table is tracked under, also of one that is gone.

create or replace function audit.register_rows(table_number integer)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set intervalstyle = 'postgres'
set bytea_output = 'hex'
set extra_float_digits = 1
set quote_all_identifiers = off
set lc_monetary = 'C'
set constraint_exclusion = off
as $function$
#variable_conflict use_variable
declare
  config audit.tracked_table;
  parent audit.tracked_table;
  changed bigint;
  part regclass;
  code text;
begin
  select t.* into config from audit.tracked_table as t where t.id = table_number;
  -- Whoever installs the log may be a superuser: nothing of the table's owner may run. The lock holds off new indexes,
  -- statistics and partitions, and lets writers through; an older snapshot would not show those made since.
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception 'the rows of % can be registered in a transaction of isolation level read committed only', config.table_name
      using errcode = 'invalid_transaction_state';
  end if;
  execute format('lock table %s in share update exclusive mode', config.relid::regclass);
  for part in
    with recursive tree as (
      select config.relid::oid as id
      union
      select i.inhrelid from tree as t join pg_inherits as i on i.inhparent = t.id)
    select t.id from tree as t
  loop
    code := audit.planned_code(part);
    if code is not null then
      raise exception 'the rows of % cannot be registered: the % of % runs code of its owner', config.table_name, code, part
        using errcode = 'insufficient_privilege', hint = 'Use built-in functions and types in it, or track the table with registered => false.';
    elsif row_security_active(part) then
      raise exception 'the rows of % cannot be registered: row security hides rows of % from %', config.table_name, part, current_user
        using errcode = 'insufficient_privilege', hint = 'Track it as its owner or as a superuser.';
    end if;
  end loop;
  select t.* into parent from audit.tracked_table as t where t.relid = config.parent_table;
  execute format(
    'insert into audit.entity as e (table_id, key, about, root_table_id, root_key, account)
     select $1, audit.pick(r.image, $2), audit.pick(r.image, $3),
       case when k.key is not null then coalesce(p.root_table_id, $5) end,
       case when k.key is not null then coalesce(p.root_key, k.key) end,
       coalesce(r.image ->> $7, o.account, p.account)
     from (select %s as image from %s as x) as r
     cross join lateral (select audit.parent_key(r.image, $4, $6) as key) as k
     left join audit.entity as p on p.table_id = $5 and p.key = k.key
     left join audit.entity as o on o.table_id = p.root_table_id and o.key = p.root_key
     on conflict (table_id, key) do update
     set about = excluded.about, root_table_id = excluded.root_table_id, root_key = excluded.root_key,
       account = excluded.account, deleted_at = null
     where (e.about, e.root_table_id, e.root_key, e.account, e.deleted_at)
       is distinct from (excluded.about, excluded.root_table_id, excluded.root_key, excluded.account, null)',
    audit.image_expression(config.relid, 'x'), config.relid)
  using config.id, config.key_columns, config.about, config.parent_columns, parent.id, parent.key_columns,
    config.account_column;
  get diagnostics changed = row_count;
  return changed;
end
$function$;

-- Before its triggers go: what is not tracked any more, the event triggers leave alone.
create or replace function audit.end_watch(table_number integer)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $function$
  insert into audit.schema_change (command, table_name, thing, action)
  select 'audit.untrack', t.table_name, 'capture', 'ended' from audit.tracked_table as t where t.id = table_number;
  delete from audit.table_shape as s where s.table_id = table_number;
  update audit.tracked_table as t set until = now() where t.id = table_number
$function$;

create or replace function audit.untrack(relation regclass)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
begin
  perform audit.end_watch(t.id) from audit.tracked_table as t where t.relid = relation and t.until is null;
  -- Of a partition that was detached, too, which nobody tracks.
  perform audit.drop_triggers(relation);
  perform audit.forget_captures();
end
$function$;

-- Without a search path of its own: a name that is not tracked is looked for as the caller means it.
create or replace function audit.untrack(table_name text)
returns void
language plpgsql
as $function$
#variable_conflict use_variable
declare
  found audit.tracked_table;
begin
  select t.* into found from audit.tracked_table as t where t.table_name = table_name and t.until is null;
  if found.id is not null then
    perform audit.end_watch(found.id);
    if exists (select from pg_catalog.pg_class as c where c.oid = found.relid) then
      perform audit.drop_triggers(found.relid);
    end if;
    perform audit.forget_captures();
  elsif pg_catalog.to_regclass(table_name) is not null then
    perform audit.untrack(pg_catalog.to_regclass(table_name));
  else
    raise exception 'no table is tracked as %', table_name
      using errcode = 'undefined_table', hint = 'SELECT table_name FROM audit.tracked_table WHERE until IS NULL';
  end if;
end
$function$;

alter function audit.end_watch(integer) owner to audit_owner;
alter function audit.untrack(text) owner to audit_owner;
alter function audit.register_rows(integer) owner to audit_owner;
alter function audit.untrack(regclass) owner to audit_owner;
revoke all on function audit.end_watch(integer), audit.register_rows(integer), audit.untrack(regclass), audit.untrack(text) from public;
