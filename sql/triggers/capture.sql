-- The trigger function of tracked tables: one call for a statement, with the rows in transition tables.
-- object: function audit.capture(): Trigger function: writes what a statement changed into the log.
-- A table may have columns named like anything in here: business rows are only ever read whole (x.*).

create or replace function audit.capture()
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
set plan_cache_mode = force_generic_plan
as $function$
#variable_conflict use_variable
declare
  config audit.tracked_table;
  before_image jsonb;
  after_image jsonb;
  old_part jsonb;
  new_part jsonb;
  before_images jsonb[];
  after_images jsonb[];
  old_count bigint := 0;
  new_count bigint := 0;
  several boolean;
  sound boolean;
  quick boolean;
  direct boolean;
  written boolean := false;
  changed bigint;
  statements text[];
  statement text;
begin
  -- Reading stands in a block, so that an error can name table and column. What only reads takes no transaction id there; where rows are
  -- written in it, it is because the log is not as it should be, or because they are many of types that may fail (docs/decisions/0004).
  <<reading>>
  begin
    -- The short way of a table that has a function of its own is read here: audit.capture_text().
    sound := audit.log_is_sound('audit.change', 'audit.change_spill', 'audit.transaction', 'audit.transaction_spill', 'audit.entity');
    select t.* into config from audit.tracked_table as t where t.relid = tg_relid and t.until is null;

    -- One row of built-in types, the usual case, takes the shortest way: few queries of few columns (docs/decisions/0002), as long as
    -- the columns are those that were put under watch. The test of the types is that of audit.has_plain_types, which costs more as a call.
    if several is not true and config.noted_for = tg_relid and current_setting('transaction_isolation') = 'read committed' and not exists (
      select from pg_attribute as a
      where a.attrelid = tg_relid and a.attnum > 0 and (
        a.attname is distinct from config.columns[a.attnum]
        or a.atttypid >= 16384 or a.atttypid in (114, 199) or a.attgenerated = 'v'))
    then
      if tg_op = 'UPDATE' then
        select i.before_image - s.same, i.after_image - s.same, i.before_image, i.after_image, i.several,
          sound and not i.several and pg_column_size(i.after_image) < 2000
        into old_part, new_part, before_image, after_image, several, quick
        from (
          select to_jsonb(o.*) as before_image, to_jsonb(n.*) as after_image,
            exists (select from old_rows offset 1) or exists (select from new_rows offset 1) as several
          from old_rows as o, new_rows as n limit 1) as i
        cross join lateral (
          select array(
            select k.key from jsonb_each(i.after_image) as k
            where k.value = i.before_image -> k.key or k.key = any (config.ignored)) as same offset 0) as s;
      elsif tg_op = 'INSERT' then
        select n.image - config.ignored, n.image, n.several, sound and not n.several and pg_column_size(n.image) < 2000
        into new_part, after_image, several, quick
        from (select to_jsonb(n.*) as image, exists (select from new_rows offset 1) as several from new_rows as n limit 1) as n;
      else
        select o.image - config.ignored, o.image, o.several, sound and not o.several and pg_column_size(o.image) < 2000
        into old_part, before_image, several, quick
        from (select to_jsonb(o.*) as image, exists (select from old_rows offset 1) as several from old_rows as o limit 1) as o;
      end if;
    end if;

    if quick then
      null;
    elsif not several then
      -- One that is long is looked at: an index of the log has to have room for what finds it.
      if tg_op <> 'UPDATE' or new_part <> '{}' then
        before_images := array[before_image];
        after_images := array[after_image];
      end if;
    else
      if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        perform audit.check_snapshot(tg_relid, tg_name);
      end if;
      if tg_op = 'UPDATE' then
        select (select count(*) from old_rows), (select count(*) from new_rows) into old_count, new_count;
      elsif tg_op = 'INSERT' then
        select count(*) into new_count from new_rows;
      else
        select count(*) into old_count from old_rows;
      end if;
      if old_count = 0 and new_count = 0 then
        return null;
      end if;
      if config.id is null then
        config := audit.config_of(tg_relid);
        if config.id is null then
          return null;
        end if;
      end if;
      config := audit.config_now(config);
      sound := sound or config.failure = 'available';
      direct := greatest(old_count, new_count) > 1000;
      perform set_config('work_mem', '32MB', true);
      if greatest(old_count, new_count) > 50 and not config.registered then
        statements := case
          when tg_op = 'UPDATE' and old_count = new_count
            then array[audit.many_statement(config, 'U', tg_relid, 'old_rows', 'new_rows')]
          -- An UPDATE that lost rows on their way to another partition cannot be paired: it is a DELETE and an INSERT.
          else case when old_count > 0 then array[audit.many_statement(config, 'D', tg_relid, 'old_rows', null)] else '{}' end
            || case when new_count > 0 then array[audit.many_statement(config, 'I', tg_relid, null, 'new_rows')] else '{}' end end;
      elsif tg_op = 'UPDATE' and old_count = new_count then
        for before_image, after_image in execute format(
          'select o.image, n.image
           from (select %s as image, row_number() over () as number from old_rows as o) as o
           join (select %s as image, row_number() over () as number from new_rows as n) as n on n.number = o.number
           order by n.number',
          audit.image_expression(tg_relid, 'o'), audit.image_expression(tg_relid, 'n'))
        loop
          if direct then
            written := audit.write_row(config, 'U', before_image, after_image) or written;
          else
            before_images := array_append(before_images, before_image);
            after_images := array_append(after_images, after_image);
          end if;
        end loop;
      else
        if old_count > 0 then
          for before_image in execute format('select %s from old_rows as o', audit.image_expression(tg_relid, 'o')) loop
            if direct then
              written := audit.write_row(config, 'D', before_image, null) or written;
            else
              before_images := array_append(before_images, before_image);
              after_images := array_append(after_images, null);
            end if;
          end loop;
        end if;
        if new_count > 0 then
          for after_image in execute format('select %s from new_rows as n', audit.image_expression(tg_relid, 'n')) loop
            if direct then
              written := audit.write_row(config, 'I', null, after_image) or written;
            else
              before_images := array_append(before_images, null);
              after_images := array_append(after_images, after_image);
            end if;
          end loop;
        end if;
      end if;
      if not sound or direct or audit.may_not_read(tg_relid) then
        foreach statement in array coalesce(statements, '{}') loop
          execute statement;
          get diagnostics changed = row_count;
          written := changed > 0 or written;
        end loop;
        statements := null;
        if written then
          written := not audit.write_transaction();
        end if;
      end if;
    end if;
  exception when others then
    declare
      state text;
      said text;
      detail text;
      hint text;
      unreadable text;
      probe record;
    begin
      get stacked diagnostics state = returned_sqlstate, said = message_text, detail = pg_exception_detail, hint = pg_exception_hint;
      if config.failure = 'available' or audit.passes_on(state) then
        raise;
      end if;
      if not audit.log_is_unusable(state) then
        for probe in
          select p.attname, p.statement from audit.column_probes(
            tg_relid, case when tg_op <> 'INSERT' then 'old_rows' end, case when tg_op <> 'DELETE' then 'new_rows' end) as p
        loop
          begin
            execute probe.statement;
          exception when others then
            if audit.passes_on(sqlstate) then
              raise;
            end if;
            unreadable := probe.attname;
            exit;
          end;
        end loop;
      end if;
      perform audit.refuse(tg_relid, unreadable, state, said, detail, hint);
    end;
  end;

  -- And written here.
  if quick then
    if (tg_op <> 'UPDATE' or new_part <> '{}')
      and audit.write_change(config, left(tg_op, 1)::"char", before_image, after_image, old_part, new_part) then
      written := audit.write_transaction();
    end if;
    return null;
  end if;
  if before_images is not null then
    perform audit.write_carefully(config, before_images, after_images);
    return null;
  end if;
  foreach statement in array coalesce(statements, '{}') loop
    execute statement;
    get diagnostics changed = row_count;
    written := changed > 0 or written;
  end loop;
  if written then
    written := audit.write_transaction();
  end if;
  return null;
end
$function$;
