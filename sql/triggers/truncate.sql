-- TRUNCATE: the removed rows are read before they are gone.
-- object: function audit.capture_truncate(): Trigger function: logs each removed row, then one row for the TRUNCATE.
-- BEFORE fires on every table and partition of the statement, AFTER then again, a partition after those above it. Each partition
-- has its own row that says TRUNCATE, with the path to it: audit.log shows the uppermost one (audit.inside_truncate).

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
  config audit.tracked_table;
  path text[];
  removed bigint := 0;
  unread jsonb;
begin
  -- A TRUNCATE is rare: its errors may cost a transaction id, so that they name table and column (docs/decisions/0004).
  begin
    perform audit.replicating();
    config := audit.config_of(tg_relid);
    path := audit.partition_path(tg_relid);
    if tg_when = 'BEFORE' and current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
      perform audit.check_snapshot(tg_relid, tg_name);
    end if;
    if config.id is null then
      return null;
    end if;
    if tg_when = 'BEFORE' then
      -- The planner sees every index there is now, a query of an older snapshot does not: what it would not show cannot be ruled out.
      if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') or not audit.can_read(tg_relid) then
        return null;
      end if;
      config := audit.config_now(config);
      if config.kind = 'label' then
        -- Of a table that lends names, only those are kept.
        config.ignored := array(
          select a.attname from pg_attribute as a
          where a.attrelid = tg_relid and a.attnum > 0 and not a.attisdropped
            and a.attname <> all (coalesce(config.key_columns, '{}') || config.about));
      end if;
      execute audit.many_statement(config, 'D', tg_relid, format('only %I.%I', tg_table_schema, tg_table_name), null, path);
      get diagnostics removed = row_count;
      if removed > 0 then
        if config.registered then
          execute audit.deregister_statement(config, tg_relid, format('only %I.%I', tg_table_schema, tg_table_name));
        end if;
        removed := audit.write_transaction()::integer;
      end if;
      return null;
    end if;

    -- Nobody knows what went: a comparison with the log must not call it missing (audit.account).
    if (current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') or not audit.can_read(tg_relid))
      and exists (select from pg_class as c where c.oid = tg_relid and c.relkind = 'r')
    then
      unread := '{"unread": true}';
    end if;
    if to_regclass('audit.change_' || to_char(now(), 'YYYYMMDD')) is not null then
      insert into audit.change (at, transaction_id, table_id, operation, partition, about)
      values (now(), pg_current_xact_id(), config.id, 'T', path, unread);
    else
      insert into audit.change_spill (at, transaction_id, table_id, operation, partition, about)
      values (now(), pg_current_xact_id(), config.id, 'T', path, unread);
    end if;
    removed := audit.write_transaction()::integer;
    return null;
  exception when others then
    declare
      state text;
      said text;
      detail text;
      hint text;
      unreadable text;
    begin
      get stacked diagnostics state = returned_sqlstate, said = message_text, detail = pg_exception_detail, hint = pg_exception_hint;
      if config.failure = 'available' or audit.passes_on(state) then
        raise;
      end if;
      if tg_when = 'BEFORE' and not audit.log_is_unusable(state) then
        unreadable := audit.unreadable_column(tg_relid, format('only %I.%I', tg_table_schema, tg_table_name));
      end if;
      perform audit.refuse(tg_relid, unreadable, state, said, detail, hint);
    end;
  end;
end
$function$;

-- object: function audit.partition_path(oid): The partitions that lead to one, itself the last, as schema.name; NULL for a table that is none.
create or replace function audit.partition_path(relation oid)
returns text[]
language sql stable
as $function$
  select array_agg(n.nspname || '.' || c.relname order by a.place desc)
  from pg_partition_ancestors(relation) with ordinality as a(relid, place)
  join pg_class as c on c.oid = a.relid join pg_namespace as n on n.oid = c.relnamespace
  where c.relispartition
$function$;

-- object: function audit.deregister_statement(audit.tracked_table, oid, text): The statement that notes all rows of a table as deleted in the registry.
create or replace function audit.deregister_statement(config audit.tracked_table, relation oid, source text)
returns text
language sql stable
as $function$
  select format(
    'insert into audit.entity as e (table_id, key, about, root_table_id, root_key, account, deleted_at)
     select %L::integer, k.key, audit.pick(p.before, %L::text[]), w.root_table, w.root, w.tenant, now()
     from (select %s as before from %s as x) as p
     cross join lateral (
       select jsonb_object_agg(k.noted, p.before -> k.present) as key from unnest(%L::text[], %L::text[]) as k(noted, present)) as k
     %s
     on conflict (table_id, key) do update set deleted_at = excluded.deleted_at',
    config.id, config.about, audit.image_expression(relation, 'x'), source, t.key_columns, config.key_columns,
    audit.place_join(config, 'w', 'p.before', 'true'))
  from audit.tracked_table as t
  where t.id = config.id and config.key_columns is not null
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

alter function audit.partition_path(oid) owner to audit_owner;
alter function audit.deregister_statement(audit.tracked_table, oid, text) owner to audit_owner;
revoke all on function audit.partition_path(oid), audit.deregister_statement(audit.tracked_table, oid, text) from public;
grant execute on function audit.partition_path(oid), audit.deregister_statement(audit.tracked_table, oid, text) to audit_capture;
alter function audit.planned_code(oid) owner to audit_owner;
revoke all on function audit.planned_code(oid) from public;
grant execute on function audit.planned_code(oid) to audit_capture, audit_web;
alter function audit.can_read(oid) owner to audit_owner;
revoke all on function audit.can_read(oid) from public;
grant execute on function audit.can_read(oid) to audit_capture, audit_web;
