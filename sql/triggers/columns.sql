-- What a tracked table's columns are now: they may have been added, renamed or dropped since it was put under watch.
-- object: function audit.looks_secret(text): Whether a column of this name is masked unless somebody says otherwise.
-- object: function audit.config_now(audit.tracked_table): The registry's row of a table in terms of its present columns.
-- object: function audit.check_snapshot(oid, name): Refuses the write of a transaction whose snapshot is older than the table's columns or its trigger.

create or replace function audit.looks_secret(name text)
returns boolean
language sql immutable
as $function$
  select name ~* '(passw(or)?d|passphrase|secret|token|api_?key|private_?key|credential|(^|_)otp(_|$)|(^|_)pin(_|$))'
$function$;

-- A renamed column is found by its number, in the table that the number was noted for: a dump numbers them anew.
-- A column that came since and looks like a secret is masked. What is gone is taken out; without a column of its key a row has none.
create or replace function audit.config_now(config audit.tracked_table)
returns audit.tracked_table
language plpgsql stable
as $function$
#variable_conflict use_variable
declare
  present jsonb;
begin
  if config.noted_for = config.relid::oid and config.columns = (
    select array_agg(a.attname::text order by a.attnum) from pg_attribute as a where a.attrelid = config.relid and a.attnum > 0)
  then
    return config;
  end if;
  select jsonb_object_agg(n.name, coalesce(
    (select a.attname from pg_attribute as a
     where config.noted_for = config.relid::oid and a.attrelid = config.relid and a.attnum = n.number and not a.attisdropped),
    (select a.attname from pg_attribute as a where a.attrelid = config.relid and a.attname = n.name and not a.attisdropped)))
  into present
  from unnest(config.columns) with ordinality as n(name, number);

  config.key_columns := array(select present ->> k.name from unnest(config.key_columns) with ordinality as k(name, place) order by k.place);
  if config.key_columns = '{}' or array_position(config.key_columns, null) is not null then
    config.key_columns := null;
  end if;
  config.parent_columns := array(select present ->> k.name from unnest(config.parent_columns) with ordinality as k(name, place) order by k.place);
  if config.parent_columns = '{}' or array_position(config.parent_columns, null) is not null then
    config.parent_columns := null;
    config.parent_table := null;
  end if;
  config.account_column := present ->> config.account_column;
  config.label_column := present ->> config.label_column;
  config.ignored := array(select present ->> k from unnest(config.ignored) as k where present ->> k is not null);
  config.about := array(select present ->> k from unnest(config.about) as k where present ->> k is not null);
  config.shown := array(select present ->> k from unnest(config.shown) as k where present ->> k is not null);
  config.masked := array(
    select present ->> k from unnest(config.masked) as k where present ->> k is not null
    union
    -- Another column may have taken the name: what is called so is meant as well.
    select k from unnest(config.masked) as k
    union
    -- Whose number nobody knows may be a masked one under another name.
    select a.attname from pg_attribute as a
    where config.noted_for is distinct from config.relid::oid and a.attrelid = config.relid and a.attnum > 0 and not a.attisdropped
      and a.attname <> all (config.columns)
      and exists (select from unnest(config.masked) as k where present ->> k is null)
    union
    select a.attname from pg_attribute as a
    where a.attrelid = config.relid and a.attnum > 0 and not a.attisdropped and audit.looks_secret(a.attname)
      and a.attname <> all (config.shown || coalesce(config.key_columns, '{}') || coalesce(config.parent_columns, '{}') || coalesce(config.account_column, '')));
  config.about := array(select k from unnest(config.about) as k where k <> all (config.masked));
  if config.label_column = any (config.masked) then
    config.label_column := null;
  end if;
  return config;
end
$function$;

-- An older snapshot shows columns, types and triggers as they were: what capture would take for built-in could be code of the
-- table's owner by now, and a table put under watch since would go unlogged. Such a transaction has to run again, as after
-- any concurrent update. A catalogue row that the snapshot shows and somebody changed since has that transaction in xmax; of a column
-- that the snapshot does not show only the server itself knows (has_column_privilege is NULL where there is none).
create or replace function audit.check_snapshot(relation oid, trigger_name name)
returns void
language plpgsql
as $function$
#variable_conflict use_variable
declare
  newest constant bigint := pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
begin
  if exists (
    select
    from (
      select a.xmax from pg_attribute as a where a.attrelid = relation and a.attnum > 0
      union all
      select t.xmax from audit.tracked_table as t
      where t.relid = relation or t.relid in (select a.relid from pg_partition_ancestors(relation) as a)) as r
    cross join lateral (select r.xmax::text::bigint as id) as x
    where x.id <> 0
      -- The number without its epoch: the nearest to the snapshot's.
      and pg_xact_status((newest + (x.id - (newest & 4294967295) + 6442450944) % 4294967296 - 2147483648)::text::xid8) = 'committed')
    or exists (
      select from (select max(a.attnum) as last from pg_attribute as a where a.attrelid = relation) as a, generate_series(1, 20) as n
      where has_column_privilege(relation, (a.last + n)::smallint, 'select') is not null)
    or not exists (select from pg_trigger as t where t.tgrelid = relation and t.tgname = trigger_name)
  then
    raise exception 'table % was altered or put under watch after this transaction began', relation::regclass
      using errcode = 'serialization_failure', hint = 'Run the transaction again.';
  end if;
end
$function$;

alter function audit.looks_secret(text) owner to audit_owner;
alter function audit.config_now(audit.tracked_table) owner to audit_owner;
alter function audit.check_snapshot(oid, name) owner to audit_owner;
revoke all on function audit.looks_secret(text), audit.config_now(audit.tracked_table), audit.check_snapshot(oid, name) from public;
grant execute on function audit.looks_secret(text), audit.config_now(audit.tracked_table), audit.check_snapshot(oid, name) to audit_capture;
