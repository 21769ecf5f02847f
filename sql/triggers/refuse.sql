-- How a strict table says what could not be logged: the table, the column where one is at fault, and PostgreSQL's own reason (docs/decisions/0004).
-- Runs inside the trigger functions only, which pin the search path and the settings.
-- object: function audit.refuse(oid, text, text, text, text, text): Ends a write that could not be logged, by an error of the given SQLSTATE, reason, detail and hint that names table and column.
-- object: function audit.write_rows(audit.tracked_table, jsonb[], jsonb[]): Writes changed rows, given their images, NULL where there is none; and their transaction.
-- object: function audit.write_rows_or_refuse(audit.tracked_table, jsonb[], jsonb[]): The same, so that an error names the table. Takes a transaction id of its own.
-- object: function audit.write_carefully(audit.tracked_table, jsonb[], jsonb[]): The one where nothing speaks against it, else the other.
-- object: function audit.has_room(audit.tracked_table, jsonb): Whether an index row of the log surely has room for what finds a row: its key and account.
-- object: function audit.unreadable_column(oid, text): The first column of a table that cannot be read; NULL where each can.
-- object: function audit.may_not_read(oid): Whether a table has columns of types whose output may fail: those that somebody made, enums excepted.

create or replace function audit.refuse(relation oid, unreadable text, state text, said text, detail text, hint text)
returns void
language plpgsql
as $function$
#variable_conflict use_variable
declare
  place record;
begin
  select n.nspname as space, c.relname as name into place
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace where c.oid = relation;
  detail := coalesce(nullif(detail, ''), format('Table %s is strict: what cannot be logged is not written.', relation::regclass));
  hint := coalesce(nullif(hint, ''), case when unreadable is null then 'Run  whochanged status.'
    else 'Correct the value; or make the table available, so that it is written and logged without this column.' end);
  if unreadable is null then
    raise exception 'a write of % cannot be logged: %', relation::regclass, said
      using errcode = state, detail = detail, hint = hint, schema = place.space, table = place.name;
  end if;
  raise exception 'column % of % cannot be logged: %', quote_ident(unreadable), relation::regclass, said
    using errcode = state, detail = detail, hint = hint, schema = place.space, table = place.name, column = unreadable;
end
$function$;

create or replace function audit.write_rows(config audit.tracked_table, before_images jsonb[], after_images jsonb[])
returns void
language plpgsql
as $function$
#variable_conflict use_variable
declare
  written boolean := false;
begin
  for number in 1..cardinality(before_images) loop
    written := audit.write_row(
      config, case when before_images[number] is null then 'I' when after_images[number] is null then 'D' else 'U' end::"char",
      before_images[number], after_images[number]) or written;
  end loop;
  if written then
    perform audit.write_transaction();
  end if;
end
$function$;

create or replace function audit.write_rows_or_refuse(config audit.tracked_table, before_images jsonb[], after_images jsonb[])
returns void
language plpgsql
as $function$
#variable_conflict use_variable
declare
  detail text;
  hint text;
begin
  perform audit.write_rows(config, before_images, after_images);
exception when others then
  get stacked diagnostics detail = pg_exception_detail, hint = pg_exception_hint;
  if config.failure = 'available' or audit.passes_on(sqlstate) then
    raise;
  end if;
  perform audit.refuse(config.relid, null, sqlstate, sqlerrm, detail, hint);
end
$function$;

create or replace function audit.write_carefully(config audit.tracked_table, before_images jsonb[], after_images jsonb[])
returns void
language plpgsql
as $function$
#variable_conflict use_variable
begin
  if config.failure = 'available' or audit.log_is_sound('audit.change', 'audit.change_spill', 'audit.transaction', 'audit.transaction_spill', 'audit.entity') and not exists (
    select from unnest(before_images || after_images) as i(image) where not audit.has_room(config, i.image))
  then
    perform audit.write_rows(config, before_images, after_images);
  else
    perform audit.write_rows_or_refuse(config, before_images, after_images);
  end if;
end
$function$;

-- An index row takes 2,704 bytes.
create or replace function audit.has_room(config audit.tracked_table, image jsonb)
returns boolean
language sql stable
as $function$
  select image is null or not (config.registered or config.account_column is not null) or pg_column_size(image) < 2000
    or pg_column_size(audit.pick(image, coalesce(config.key_columns, '{}') || coalesce(config.parent_columns, '{}') || config.account_column)) < 2000
$function$;

create or replace function audit.unreadable_column(relation oid, source text)
returns text
language plpgsql
as $function$
#variable_conflict use_variable
declare
  probe record;
begin
  for probe in select p.attname, p.statement from audit.column_probes(relation, source, null) as p loop
    begin
      execute probe.statement;
    exception when others then
      if audit.passes_on(sqlstate) then
        raise;
      end if;
      return probe.attname;
    end;
  end loop;
  return null;
end
$function$;

create or replace function audit.may_not_read(relation oid)
returns boolean
language sql stable
as $function$
  select exists (
    select from pg_attribute as a
    join pg_type as t on t.oid = a.atttypid left join pg_type as e on e.oid = t.typelem
    where a.attrelid = relation and a.attnum > 0 and t.oid >= 16384 and t.typtype <> 'e' and e.typtype is distinct from 'e')
$function$;

alter function audit.refuse(oid, text, text, text, text, text) owner to audit_owner;
alter function audit.write_rows(audit.tracked_table, jsonb[], jsonb[]) owner to audit_owner;
alter function audit.write_rows_or_refuse(audit.tracked_table, jsonb[], jsonb[]) owner to audit_owner;
alter function audit.write_carefully(audit.tracked_table, jsonb[], jsonb[]) owner to audit_owner;
alter function audit.has_room(audit.tracked_table, jsonb) owner to audit_owner;
alter function audit.unreadable_column(oid, text) owner to audit_owner;
alter function audit.may_not_read(oid) owner to audit_owner;
revoke all on function audit.refuse(oid, text, text, text, text, text), audit.write_rows(audit.tracked_table, jsonb[], jsonb[]),
  audit.write_rows_or_refuse(audit.tracked_table, jsonb[], jsonb[]), audit.write_carefully(audit.tracked_table, jsonb[], jsonb[]),
  audit.has_room(audit.tracked_table, jsonb),
  audit.unreadable_column(oid, text), audit.may_not_read(oid) from public;
grant execute on function audit.refuse(oid, text, text, text, text, text), audit.write_rows(audit.tracked_table, jsonb[], jsonb[]),
  audit.write_rows_or_refuse(audit.tracked_table, jsonb[], jsonb[]), audit.write_carefully(audit.tracked_table, jsonb[], jsonb[]),
  audit.has_room(audit.tracked_table, jsonb),
  audit.unreadable_column(oid, text), audit.may_not_read(oid) to audit_capture;
