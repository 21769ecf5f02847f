-- TRUNCATE: the removed rows are read before they are gone.
-- object: function audit.capture_truncate(): Trigger function: logs each removed row, then one row for the TRUNCATE.
-- BEFORE fires on a partitioned table and then on each leaf: the leaves log their rows. AFTER writes the row that
-- says TRUNCATE, on the uppermost table that was emptied (only its truncation locks the ancestors exclusively).

create or replace function audit.capture_truncate()
returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set intervalstyle = 'postgres'
set bytea_output = 'hex'
set extra_float_digits = 1
set quote_all_identifiers = off
set lc_monetary = 'C'
set jit = off
set work_mem = '32MB'
as $function$
#variable_conflict use_variable
declare
  config audit.tracked_table := audit.config_of(tg_relid);
  before_image jsonb;
  written boolean := false;
  removed bigint := 0;
begin
  if config.id is null then
    return null;
  end if;
  if tg_when = 'BEFORE' then
    if not audit.can_read(tg_relid) then
      return null;
    end if;
    if config.registered then
      for before_image in execute format(
        'select %s from only %I.%I as x', audit.image_expression(tg_relid, 'x'), tg_table_schema, tg_table_name)
      loop
        written := audit.write_row(config, 'D', before_image, null) or written;
      end loop;
    else
      execute audit.many_statement(config, 'D', tg_relid, format('only %I.%I', tg_table_schema, tg_table_name), null);
      get diagnostics removed = row_count;
    end if;
    if written or removed > 0 then
      written := audit.write_transaction();
    end if;
    return null;
  end if;

  if exists (
    select from pg_partition_ancestors(tg_relid) as a
    join pg_locks as l on l.locktype = 'relation' and l.relation = a.relid and l.pid = pg_backend_pid()
      and l.database = (select d.oid from pg_database as d where d.datname = current_database())
      and l.mode = 'AccessExclusiveLock' and l.granted
    where a.relid <> tg_relid
  ) then
    return null;
  end if;
  written := audit.write_change(config, 'T', null, null, null, null);
  written := audit.write_transaction();
  return null;
end
$function$;

-- object: function audit.can_read(oid): Whether the log may read the rows of a table: it has the right, and no row security stands between.
create or replace function audit.can_read(relation oid)
returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select c.relkind = 'r' and not c.relrowsecurity
    and has_table_privilege('audit_capture', c.oid, 'select')
    and has_schema_privilege('audit_capture', c.relnamespace, 'usage')
  from pg_class as c where c.oid = relation
$function$;
alter function audit.can_read(oid) owner to audit_owner;
revoke all on function audit.can_read(oid) from public;
grant execute on function audit.can_read(oid) to audit_capture;
