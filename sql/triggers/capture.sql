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
set work_mem = '32MB'
as $function$
#variable_conflict use_variable
declare
  many constant integer := 50;
  config audit.tracked_table;
  before_image jsonb;
  after_image jsonb;
  old_part jsonb;
  new_part jsonb;
  old_count bigint := 0;
  new_count bigint := 0;
  several boolean;
  written boolean := false;
  many_written bigint := 0;
begin
  select t.* into config from audit.tracked_table as t where t.relid = tg_relid and t.until is null;

  -- One row of built-in types, the usual case, takes the shortest way: few queries of few columns (docs/decisions/0002), as long as
  -- the columns are those that were put under watch. The test of the types is that of audit.has_plain_types, which costs more as a call.
  if config.noted_for = tg_relid and current_setting('transaction_isolation') = 'read committed' and not exists (
    select from pg_attribute as a
    where a.attrelid = tg_relid and a.attnum > 0 and (
      a.attname is distinct from config.columns[a.attnum]
      or a.atttypid >= 16384 or a.atttypid in (114, 199) or a.attgenerated = 'v'))
  then
    if tg_op = 'UPDATE' then
      select i.before_image - s.same, i.after_image - s.same, i.before_image, i.after_image, i.several
      into old_part, new_part, before_image, after_image, several
      from (
        select to_jsonb(o.*) as before_image, to_jsonb(n.*) as after_image,
          exists (select from old_rows offset 1) or exists (select from new_rows offset 1) as several
        from old_rows as o, new_rows as n limit 1) as i
      cross join lateral (
        select array(
          select k.key from jsonb_each(i.after_image) as k
          where k.value = i.before_image -> k.key or k.key = any (config.ignored)) as same offset 0) as s;
    elsif tg_op = 'INSERT' then
      select n.image - config.ignored, n.image, n.several into new_part, after_image, several
      from (select to_jsonb(n.*) as image, exists (select from new_rows offset 1) as several from new_rows as n limit 1) as n;
    else
      select o.image - config.ignored, o.image, o.several into old_part, before_image, several
      from (select to_jsonb(o.*) as image, exists (select from old_rows offset 1) as several from old_rows as o limit 1) as o;
    end if;
    if not several then
      if (tg_op <> 'UPDATE' or new_part <> '{}')
        and audit.write_change(config, left(tg_op, 1)::"char", before_image, after_image, old_part, new_part) then
        written := audit.write_transaction();
      end if;
      return null;
    end if;
  end if;

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

  if tg_op = 'UPDATE' and old_count = new_count then
    if old_count > many and not config.registered then
      execute audit.many_statement(config, 'U', tg_relid, 'old_rows', 'new_rows');
      get diagnostics many_written = row_count;
    else
      for before_image, after_image in execute format(
        'select o.image, n.image
         from (select %s as image, row_number() over () as number from old_rows as o) as o
         join (select %s as image, row_number() over () as number from new_rows as n) as n on n.number = o.number
         order by n.number',
        audit.image_expression(tg_relid, 'o'), audit.image_expression(tg_relid, 'n'))
      loop
        written := audit.write_row(config, 'U', before_image, after_image) or written;
      end loop;
    end if;
  else
    -- Also an UPDATE that lost rows on their way to another partition: its rows cannot be paired.
    if old_count > many and not config.registered then
      execute audit.many_statement(config, 'D', tg_relid, 'old_rows', null);
      written := true;
    elsif old_count > 0 then
      for before_image in execute format('select %s from old_rows as o', audit.image_expression(tg_relid, 'o')) loop
        written := audit.write_row(config, 'D', before_image, null) or written;
      end loop;
    end if;
    if new_count > many and not config.registered then
      execute audit.many_statement(config, 'I', tg_relid, null, 'new_rows');
      written := true;
    elsif new_count > 0 then
      for after_image in execute format('select %s from new_rows as n', audit.image_expression(tg_relid, 'n')) loop
        written := audit.write_row(config, 'I', null, after_image) or written;
      end loop;
    end if;
  end if;

  if written or many_written > 0 then
    written := audit.write_transaction();
  end if;
  return null;
end
$function$;
