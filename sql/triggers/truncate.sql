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
set constraint_exclusion = off
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
    -- The planner sees every index there is now, a query of an older snapshot does not: what it would not show cannot be ruled out.
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') or not audit.can_read(tg_relid) then
      return null;
    end if;
    config := audit.config_now(config);
    if config.registered or config.kind = 'label' then
      for before_image in execute format(
        'select %s from only %I.%I as x', audit.image_expression(tg_relid, 'x'), tg_table_schema, tg_table_name)
      loop
        if config.kind = 'label' then
          before_image := audit.pick(before_image, coalesce(config.key_columns, '{}') || config.about);
        end if;
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

-- object: function audit.planned_code(oid): What would run code of its owner when a table is read: an index, statistics, a partition key; NULL when nothing would.
-- Planning a read works out their expressions, with the rights of whoever reads. Objects with an oid below 16384 come with
-- PostgreSQL; enums run no code. CHECK constraints and partition bounds are not looked at with constraint_exclusion = off.
create or replace function audit.planned_code(relation oid)
returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select s.what
  from (
    select 'pg_class'::regclass as kind, i.indexrelid as id, 'index ' || i.indexrelid::regclass as what
    from pg_index as i where i.indrelid = relation and (i.indexprs is not null or i.indpred is not null)
    union all
    select 'pg_statistic_ext'::regclass, e.oid, 'statistics object ' || quote_ident(e.stxname)
    from pg_statistic_ext as e where e.stxrelid = relation and e.stxexprs is not null
    union all
    select 'pg_class'::regclass, p.partrelid, 'partition key'
    from pg_partitioned_table as p where p.partrelid = relation and p.partexprs is not null
  ) as s
  where exists (
    select from pg_depend as d
    where d.classid = s.kind and d.objid = s.id and d.refobjid >= 16384
      -- What a table, an index or a statistics object has besides its expressions.
      and d.refclassid not in ('pg_class'::regclass, 'pg_constraint'::regclass, 'pg_namespace'::regclass, 'pg_am'::regclass,
        'pg_opclass'::regclass, 'pg_collation'::regclass, 'pg_extension'::regclass)
      and not (d.refclassid = 'pg_type'::regclass and exists (
        select from pg_type as t left join pg_type as m on m.oid = t.typelem
        where t.oid = d.refobjid and (t.typtype = 'e' or t.typcategory = 'A' and m.typtype = 'e'))))
  order by s.what = 'partition key' desc, s.what
  limit 1
$function$;

-- object: function audit.can_read(oid): Whether the log may read the rows of a table: it has the right, and neither row security nor its owner's code stands between.
create or replace function audit.can_read(relation oid)
returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select c.relkind = 'r' and not c.relrowsecurity
    and has_table_privilege('audit_capture', c.oid, 'select')
    and has_schema_privilege('audit_capture', c.relnamespace, 'usage')
    and audit.planned_code(c.oid) is null
  from pg_class as c where c.oid = relation
$function$;

alter function audit.planned_code(oid) owner to audit_owner;
revoke all on function audit.planned_code(oid) from public;
grant execute on function audit.planned_code(oid) to audit_capture;
alter function audit.can_read(oid) owner to audit_owner;
revoke all on function audit.can_read(oid) from public;
grant execute on function audit.can_read(oid) to audit_capture;
