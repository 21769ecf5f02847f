-- What is kept of a statement that could not be logged as usual, where its table is available (sql/triggers/write_through.sql).
-- Runs inside the trigger functions only, which pin the search path and the settings.
-- object: function audit.passes_on(text): Whether an SQLSTATE is no failure of capture, but one that ends the write whatever the table's policy.
-- object: function audit.log_is_unusable(text): Whether an SQLSTATE says that the log itself is broken, which whoever writes cannot bring about.
-- object: function audit.column_readings(oid): Per column of a table: its number, and how its value becomes JSON without running anybody's code.
-- object: function audit.column_probes(oid, text, text): Per column of a table: the statement that reads all its values in the rows of a statement.
-- object: function audit.partial_statement(oid, text, text, text[]): The statement that makes the images of the rows of a statement; a column that cannot be read is 0, 1 after a change.
-- object: function audit.config_without(audit.tracked_table, text[]): The registry's row of a table that does without some columns: their values are hidden.
-- object: function audit.write_degraded(audit.tracked_table, "char", bigint, text, text, text[], text[]): Writes the row that says what could not be logged of a statement.

-- A transaction that is to run again, a statement that was cancelled or waited too long, a server that runs out of something or shuts
-- down; and a transaction made read-only under way, by which a writer could keep the log from being written.
create or replace function audit.passes_on(state text)
returns boolean
language sql immutable
as $function$
  select left(state, 2) in ('25', '40', '53', '57') or state = '55P03'
$function$;

-- Rights, tables and columns that are gone, constraints and triggers made by hand, files that cannot be read or written. Not XX000, which a value
-- that is too large gives, nor 54, a stack that a writer had nearly used up.
create or replace function audit.log_is_unusable(state text)
returns boolean
language sql immutable
as $function$
  select left(state, 2) in ('23', '42', '3F', '58', 'P0') or state in ('XX001', 'XX002')
$function$;

create or replace function audit.column_readings(relation oid)
returns table (attname text, number smallint, reading text)
language sql stable
as $function$
  select a.attname::text, a.attnum, format(
    case when a.atttypid = 114 then 'audit.json_image(%%1$s.c%1$s)'
      when a.atttypid = 199 then 'audit.json_image(array_to_json(%%1$s.c%1$s))'
      when a.atttypid < 16384 then 'to_jsonb(%%1$s.c%1$s)'
      else 'case when num_nulls(%%1$s.c%1$s) = 0 then to_jsonb(format(''%%%%s'', %%1$s.c%1$s)) end' end,
    a.attnum)
  from pg_attribute as a
  where a.attrelid = relation and a.attnum > 0 and not a.attisdropped and a.attgenerated <> 'v'
$function$;

create or replace function audit.column_probes(relation oid, before_source text, after_source text)
returns table (attname text, statement text)
language sql stable
as $function$
  select r.attname, (
    select 'select ' || string_agg(
      format('(select count(%s) from (select x.%I as c%s from %s as x) as s)', format(r.reading, 's'), r.attname, r.number, s.source), ', ')
    from unnest(array[before_source, after_source]) as s(source) where s.source is not null)
  from audit.column_readings(relation) as r
  order by r.number
$function$;

create or replace function audit.partial_statement(relation oid, before_source text, after_source text, unreadable text[])
returns text
language plpgsql stable
as $function$
#variable_conflict use_variable
declare
  columns text;
  before_image text;
  after_image text;
begin
  -- Columns are read as c1, c2, ...: no name of the table can then meet one of ours.
  select string_agg(format('x.%I as c%s', r.attname, r.number), ', ' order by r.number),
    string_agg(format('jsonb_build_object(%L, %s)', r.attname,
      case when r.attname = any (unreadable) then '0' else format(r.reading, 'o') end), ' || ' order by r.number),
    string_agg(format('jsonb_build_object(%L, %s)', r.attname,
      case when r.attname <> all (unreadable) then format(r.reading, 'n')
      -- Bytes differ or do not, whoever can read them.
      when before_source is not null then format('record_image_ne(row(o.c%1$s), row(n.c%1$s))::integer', r.number)
      else '0' end), ' || ' order by r.number)
  into columns, before_image, after_image
  from audit.column_readings(relation) as r;
  if before_source is null then
    return format('select null::jsonb, %s from (select %s from %s as x) as n', after_image, columns, after_source);
  elsif after_source is null then
    return format('select %s, null::jsonb from (select %s from %s as x) as o', before_image, columns, before_source);
  end if;
  return format(
    'select %s, %s
     from (select row_number() over () as number, %s from %s as x) as o
     join (select row_number() over () as number, %s from %s as x) as n using (number) order by number',
    before_image, after_image, columns, before_source, columns, after_source);
end
$function$;

create or replace function audit.config_without(config audit.tracked_table, unreadable text[])
returns audit.tracked_table
language plpgsql immutable
as $function$
#variable_conflict use_variable
begin
  config.masked := config.masked || array(select k from unnest(unreadable) as k where k <> all (config.masked));
  config.about := array(select k from unnest(config.about) as k where k <> all (unreadable));
  if config.key_columns && unreadable then
    config.key_columns := null;
  end if;
  if config.parent_columns && unreadable then
    config.parent_columns := null;
    config.parent_table := null;
  end if;
  if config.account_column = any (unreadable) then
    config.account_column := null;
  end if;
  return config;
end
$function$;

create or replace function audit.write_degraded(
  config audit.tracked_table, operation "char", rows_written bigint, state text, said text, missing text[], path text[])
returns void
language plpgsql
as $function$
#variable_conflict use_variable
declare
  degraded constant jsonb := jsonb_strip_nulls(jsonb_build_object(
    'rows', rows_written, 'sqlstate', state, 'message', left(regexp_replace(said, '\s+', ' ', 'g'), 300), 'columns', missing));
begin
  if to_regclass('audit.change_' || to_char(now(), 'YYYYMMDD')) is not null then
    insert into audit.change (at, transaction_id, table_id, operation, partition, degraded)
    values (now(), pg_current_xact_id(), config.id, operation, path, degraded);
  else
    insert into audit.change_spill (at, transaction_id, table_id, operation, partition, degraded)
    values (now(), pg_current_xact_id(), config.id, operation, path, degraded);
  end if;
  perform audit.write_transaction();
  -- The row is what matters: it is not given up for a count that cannot be kept.
  if has_sequence_privilege(to_regclass('audit.degraded'), 'usage') then
    perform nextval('audit.degraded');
  end if;
end
$function$;

alter function audit.passes_on(text) owner to audit_owner;
alter function audit.log_is_unusable(text) owner to audit_owner;
alter function audit.column_readings(oid) owner to audit_owner;
alter function audit.column_probes(oid, text, text) owner to audit_owner;
alter function audit.partial_statement(oid, text, text, text[]) owner to audit_owner;
alter function audit.config_without(audit.tracked_table, text[]) owner to audit_owner;
alter function audit.write_degraded(audit.tracked_table, "char", bigint, text, text, text[], text[]) owner to audit_owner;
revoke all on function audit.passes_on(text), audit.log_is_unusable(text), audit.column_readings(oid),
  audit.column_probes(oid, text, text), audit.partial_statement(oid, text, text, text[]),
  audit.config_without(audit.tracked_table, text[]),
  audit.write_degraded(audit.tracked_table, "char", bigint, text, text, text[], text[]) from public;
grant execute on function audit.passes_on(text), audit.log_is_unusable(text), audit.column_readings(oid),
  audit.column_probes(oid, text, text), audit.partial_statement(oid, text, text, text[]),
  audit.config_without(audit.tracked_table, text[]),
  audit.write_degraded(audit.tracked_table, "char", bigint, text, text, text[], text[]) to audit_capture;
