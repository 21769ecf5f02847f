-- The baseline of a tracked table: its rows at a moment, from which the log says what they became (docs/reconcile.md).
-- object: function audit.compared_columns(audit.tracked_table): The columns whose values may be kept and compared: neither masked nor ignored nor virtual; of a table that lends names, only those.
-- object: function audit.unreadable(regclass): Why the rows of a table cannot be read for a comparison; NULL where they can.
-- object: function audit.live_rows(integer, text[]): The present rows of a tracked table: the key under the given names of its columns, and the compared columns.
-- object: function audit.take_baseline(integer): Makes the present rows the baseline of a tracked table; returns how many there are.
-- object: function audit.baseline_columns(integer): What columns are called: in the log, in the baseline, now; and whether they can be compared.

create or replace function audit.compared_columns(config audit.tracked_table)
returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select array(
    select a.attname::text
    from pg_attribute as a
    where a.attrelid = config.relid and a.attnum > 0 and not a.attisdropped and a.attgenerated <> 'v'
      and a.attname <> all (config.masked || config.ignored)
      and (config.kind = 'tracked' or a.attname = any (coalesce(config.key_columns, '{}') || config.about))
    order by a.attnum)
$function$;

create or replace function audit.unreadable(relation regclass)
returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  with recursive tree as (
    select relation::oid as id
    union
    select i.inhrelid from tree as t join pg_inherits as i on i.inhparent = t.id)
  select min(case
    when t.id = relation and not has_table_privilege(t.id, 'select') then format('%s may not read it', current_user)
    when audit.planned_code(t.id) is not null then format('the %s of %s would run code of its owner', audit.planned_code(t.id), t.id::regclass)
    when row_security_active(t.id) then format('row security hides rows of %s from %s', t.id::regclass, current_user) end)
  from tree as t
$function$;

-- Whoever compares may be a superuser: nothing of the table's owner may run. The lock holds off new indexes, statistics and
-- partitions, and lets writers through; the caller takes it before its snapshot, which then shows all there are.
create or replace function audit.live_rows(table_number integer, key_names text[])
returns table (key jsonb, image jsonb)
language plpgsql stable
rows 1000000
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set intervalstyle = 'postgres'
set bytea_output = 'hex'
set extra_float_digits = 1
set quote_all_identifiers = off
set lc_monetary = 'C'
set constraint_exclusion = off
set jit = off
as $function$
#variable_conflict use_variable
declare
  config audit.tracked_table;
  skipped text[];
begin
  select c.* into config from audit.tracked_table as t cross join lateral audit.config_now(t) as c where t.id = table_number;
  if audit.unreadable(config.relid) is not null then
    raise exception 'the rows of % cannot be read: %', config.table_name, audit.unreadable(config.relid)
      using errcode = 'insufficient_privilege';
  elsif not exists (
    select from pg_locks as l
    where l.pid = pg_backend_pid() and l.relation = config.relid::oid and l.granted and l.locktype = 'relation'
      and l.database = (select d.oid from pg_database as d where d.datname = current_database())
      and l.mode in ('ShareUpdateExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'))
  then
    raise exception 'lock % in share update exclusive mode before its rows are read', config.table_name
      using errcode = 'object_not_in_prerequisite_state';
  end if;
  skipped := array(
    select a.attname from pg_attribute as a
    where a.attrelid = config.relid and a.attnum > 0 and not a.attisdropped and a.attname <> all (audit.compared_columns(config)));
  return query execute format(
    'select jsonb_build_object(%s), r.image %s from (select %s as image from %s as x offset 0) as r',
    (select string_agg(format('%L, r.image -> %L', k.named, k.present), ', ') from unnest(key_names, config.key_columns) as k(named, present)),
    case when skipped <> '{}' then format('- %L::text[]', skipped) end,
    audit.image_expression(config.relid, 'x'), config.relid);
end
$function$;

create or replace function audit.take_baseline(table_number integer)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
declare
  config audit.tracked_table;
  taken bigint;
begin
  -- All of it must be of one moment.
  if current_setting('transaction_isolation') <> 'repeatable read' then
    raise exception 'a baseline is taken in a transaction of isolation level repeatable read only' using errcode = 'invalid_transaction_state';
  end if;
  select c.* into config from audit.tracked_table as t cross join lateral audit.config_now(t) as c where t.id = table_number;
  delete from audit.baseline as b where b.table_id = table_number;
  if config.key_columns is null then
    -- Without a key a row is what it holds, and there may be several of it.
    insert into audit.baseline (table_id, key, image, present)
    select table_number, r.image, '{}', count(*) from audit.live_rows(table_number, '{}') as r group by r.image;
    select coalesce(sum(b.present), 0) into taken from audit.baseline as b where b.table_id = table_number;
  else
    insert into audit.baseline (table_id, key, image)
    select table_number, r.key, r.image from audit.live_rows(table_number, config.key_columns) as r;
    get diagnostics taken = row_count;
  end if;
  delete from audit.baseline_table as b where b.table_id = table_number;
  insert into audit.baseline_table (
    table_id, taken_at, snapshot, last_id, incarnation, noted_for, columns, types, key_columns, compared, rows)
  select table_number, now(), pg_current_snapshot(), s.last_value, audit.note_incarnation(), config.relid, c.names, c.types,
    coalesce(config.key_columns, '{}'), audit.compared_columns(config), taken
  from audit.change_id_seq as s
  cross join (
    select array_agg(case when not a.attisdropped then a.attname::text end order by a.attnum) as names,
      array_agg(case when not a.attisdropped then format_type(a.atttypid, a.atttypmod) end order by a.attnum) as types
    from pg_attribute as a where a.attrelid = config.relid and a.attnum > 0) as c;
  return taken;
end
$function$;

-- A column is known by its number in the table that was noted, else by its name. One name for two columns (one was dropped and
-- another took its name, or two were swapped) says nothing of either. Of a retyped one the values are spelled in another way as JSON.
create or replace function audit.baseline_columns(table_number integer)
returns table (name text, kept text, present text, compared boolean, retyped boolean)
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  with config as (
    select t.relid::oid as relid, t.columns as noted, t.noted_for, b.columns, b.types, b.compared, b.noted_for as based_on,
      audit.compared_columns(c) as now_compared
    from audit.tracked_table as t
    join audit.baseline_table as b on b.table_id = t.id
    cross join lateral audit.config_now(t) as c
    where t.id = table_number),
  attribute as (
    select a.attnum, a.attname::text as name, format_type(a.atttypid, a.atttypmod) as type
    from config as c join pg_attribute as a on a.attrelid = c.relid and a.attnum > 0 and not a.attisdropped),
  known as (
    select w.number as place, w.name as kept, a.name as present, a.attnum,
      regexp_replace(regexp_replace(w.type, '^(smallint|integer|bigint|numeric.*)$', 'number'), '^(text|character varying.*)$', 'text')
        <> regexp_replace(regexp_replace(a.type, '^(smallint|integer|bigint|numeric.*)$', 'number'), '^(text|character varying.*)$', 'text')
        as retyped,
      w.name = any (c.compared) and a.name = any (c.now_compared) as compared
    from config as c
    cross join lateral unnest(c.columns, c.types) with ordinality as w(name, type, number)
    left join attribute as a on case when c.based_on = c.relid then a.attnum = w.number else a.name = w.name end
    where w.name is not null),
  every as (
    select k.place, k.kept, k.present, k.attnum, k.retyped, k.compared from known as k
    union all
    select a.attnum + 100000, a.name, a.name, a.attnum, false, a.name = any (c.now_compared)
    from config as c cross join attribute as a
    where not exists (select from known as k where k.present = a.name)),
  named as (
    select distinct e.place, n.name
    from config as c cross join every as e
    cross join lateral (values (e.kept), (e.present), (case when c.noted_for = c.relid then c.noted[e.attnum] end)) as n(name)
    where n.name is not null),
  doubtful as (select distinct n.place from named as n join named as o on o.name = n.name and o.place <> n.place)
  select n.name, case when w.well then e.kept end, e.present, w.well, coalesce(e.retyped, false)
  from named as n
  join every as e on e.place = n.place
  cross join lateral (
    select coalesce(e.compared, false) and not exists (select from doubtful as d where d.place = e.place) as well) as w
$function$;

alter function audit.compared_columns(audit.tracked_table) owner to audit_owner;
alter function audit.unreadable(regclass) owner to audit_owner;
alter function audit.live_rows(integer, text[]) owner to audit_owner;
alter function audit.take_baseline(integer) owner to audit_owner;
alter function audit.baseline_columns(integer) owner to audit_owner;
revoke all on function audit.compared_columns(audit.tracked_table), audit.unreadable(regclass), audit.live_rows(integer, text[]),
  audit.take_baseline(integer), audit.baseline_columns(integer) from public;
