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
  old_count bigint := 0;
  new_count bigint := 0;
  plain boolean;
  names text[];
  written boolean := false;
  many_written bigint := 0;
begin
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

  select t.* into config from audit.tracked_table as t where t.relid = tg_relid and t.until is null;
  if config.id is null then
    config := audit.config_of(tg_relid);
    if config.id is null then
      return null;
    end if;
  end if;
  -- The same test as audit.has_plain_types, which costs more as a call.
  select bool_and(a.atttypid < 16384 and a.attgenerated <> 'v'), array_agg(a.attname::text) into plain, names
  from pg_attribute as a where a.attrelid = tg_relid and a.attnum > 0 and not a.attisdropped;

  if tg_op = 'UPDATE' and old_count = new_count then
    if old_count = 1 and plain then
      select to_jsonb(o.*), to_jsonb(n.*) into before_image, after_image from old_rows as o, new_rows as n;
      written := audit.write_change(config, 'U', before_image, after_image, names);
    elsif old_count > many and not config.registered then
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
        written := audit.write_change(config, 'U', before_image, after_image) or written;
      end loop;
    end if;
  else
    -- Also an UPDATE that lost rows on their way to another partition: its rows cannot be paired.
    if old_count = 1 and plain then
      select to_jsonb(o.*) into before_image from old_rows as o;
      written := audit.write_change(config, 'D', before_image, null);
    elsif old_count > many and not config.registered then
      execute audit.many_statement(config, 'D', tg_relid, 'old_rows', null);
      written := true;
    elsif old_count > 0 then
      for before_image in execute format('select %s from old_rows as o', audit.image_expression(tg_relid, 'o')) loop
        written := audit.write_change(config, 'D', before_image, null) or written;
      end loop;
    end if;
    if new_count = 1 and plain then
      select to_jsonb(n.*) into after_image from new_rows as n;
      written := audit.write_change(config, 'I', null, after_image) or written;
    elsif new_count > many and not config.registered then
      execute audit.many_statement(config, 'I', tg_relid, null, 'new_rows');
      written := true;
    elsif new_count > 0 then
      for after_image in execute format('select %s from new_rows as n', audit.image_expression(tg_relid, 'n')) loop
        written := audit.write_change(config, 'I', null, after_image) or written;
      end loop;
    end if;
  end if;

  if written or many_written > 0 then
    written := audit.write_transaction();
  end if;
  return null;
end
$function$;
