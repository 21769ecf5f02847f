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
as $function$
#variable_conflict use_variable
declare
  config audit.tracked_table;
  before_image jsonb;
  after_image jsonb;
  old_rows_found bigint := 0;
  new_rows_found bigint := 0;
  plain boolean;
  written boolean := false;
begin
  if tg_op = 'INSERT' then
    select count(*) into new_rows_found from new_rows;
  elsif tg_op = 'UPDATE' then
    select count(*) into new_rows_found from new_rows;
    select count(*) into old_rows_found from old_rows;
  elsif tg_op = 'DELETE' then
    select count(*) into old_rows_found from old_rows;
  end if;
  if old_rows_found = 0 and new_rows_found = 0 then
    return null;
  end if;

  config := audit.config_of(tg_relid);
  if config.id is null then
    return null;
  end if;
  plain := audit.has_plain_types(tg_relid);

  if tg_op = 'UPDATE' and plain and old_rows_found = 1 and new_rows_found = 1 then
    select to_jsonb(o.*), to_jsonb(n.*) into before_image, after_image from old_rows as o, new_rows as n;
    written := audit.write_change(config, 'U', before_image, after_image);
  elsif tg_op = 'UPDATE' and old_rows_found = new_rows_found then
    for before_image, after_image in execute format(
      'select o.image, n.image
       from (select %s as image, row_number() over () as number from old_rows as o) as o
       join (select %s as image, row_number() over () as number from new_rows as n) as n on n.number = o.number
       order by n.number',
      audit.image_expression(tg_relid, 'o'), audit.image_expression(tg_relid, 'n'))
    loop
      written := audit.write_change(config, 'U', before_image, after_image) or written;
    end loop;
  else
    -- Also an UPDATE that lost rows on their way to another partition: it cannot be paired.
    if old_rows_found > 0 then
      for before_image in execute format('select %s from old_rows as x', audit.image_expression(tg_relid, 'x')) loop
        written := audit.write_change(config, 'D', before_image, null) or written;
      end loop;
    end if;
    if new_rows_found > 0 then
      for after_image in execute format('select %s from new_rows as x', audit.image_expression(tg_relid, 'x')) loop
        written := audit.write_change(config, 'I', null, after_image) or written;
      end loop;
    end if;
  end if;

  if written then
    perform audit.write_transaction();
  end if;
  return null;
end
$function$;
