-- Partitions by UTC day, made before they are needed, without a lock that stops writers.
-- object: function audit.make_partition(text, date): Makes the partition of one UTC day of audit.transaction or audit.change; returns its name, NULL where there is a table of that name.
-- object: function audit.make_partitions(integer): Makes the partitions of today and the next days; returns the names of the new ones.

create or replace function audit.make_partition(parent text, day date)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $function$
#variable_conflict use_variable
declare
  part text := format('%s_%s', parent, to_char(day, 'YYYYMMDD'));
begin
  if to_regclass(format('audit.%I', part)) is not null then
    return null;
  end if;
  -- CREATE ... PARTITION OF would wait for, and then block, every open transaction that wrote to the log.
  execute format('create table audit.%I (like audit.%I including defaults including constraints)', part, parent);
  execute format('alter table audit.%I owner to audit_owner', part);
  execute format(
    'alter table audit.%1$I add constraint day check (at >= %2$L and at < %3$L)',
    part, to_char(day, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(day + 1, 'YYYY-MM-DD') || ' 00:00:00+00');
  execute format(
    'alter table audit.%1$I attach partition audit.%2$I for values from (%3$L) to (%4$L)',
    parent, part, to_char(day, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(day + 1, 'YYYY-MM-DD') || ' 00:00:00+00');
  execute format('alter table audit.%I drop constraint day', part);
  return part;
end
$function$;

create or replace function audit.make_partitions(ahead integer default 14)
returns setof text
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $function$
#variable_conflict use_variable
declare
  day date;
  parent text;
  part text;
begin
  for day in select d::date from generate_series(current_date, current_date + ahead, interval '1 day') as d loop
    foreach parent in array array['transaction', 'change'] loop
      part := audit.make_partition(parent, day);
      if part is not null then
        return next part;
      end if;
    end loop;
  end loop;
end
$function$;

alter function audit.make_partition(text, date) owner to audit_owner;
alter function audit.make_partitions(integer) owner to audit_owner;
revoke all on function audit.make_partition(text, date), audit.make_partitions(integer) from public;
