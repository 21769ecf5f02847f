-- Tables that only lend names: a row trigger that fires when a name changes.
-- object: function audit.capture_label(): Trigger function: logs the name of a row, as it was and as it is.

create or replace function audit.capture_label()
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
  config audit.tracked_table := audit.config_of(tg_relid);
  plain boolean := audit.has_plain_types(tg_relid);
  kept text[];
  before_image jsonb;
  after_image jsonb;
begin
  if config.id is null then
    return null;
  end if;
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    perform audit.check_snapshot(tg_relid, tg_name);
  end if;
  if plain then
    before_image := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    after_image := case when tg_op <> 'DELETE' then to_jsonb(new) end;
  else
    if tg_op <> 'INSERT' then
      execute format('select %s from (select ($1).*) as x', audit.image_expression(tg_relid, 'x'))
      into before_image using old;
    end if;
    if tg_op <> 'DELETE' then
      execute format('select %s from (select ($1).*) as x', audit.image_expression(tg_relid, 'x'))
      into after_image using new;
    end if;
  end if;
  config := audit.config_now(config);
  kept := coalesce(config.key_columns, '{}') || config.about;
  if before_image is not null then
    before_image := audit.pick(before_image, kept);
  end if;
  if after_image is not null then
    after_image := audit.pick(after_image, kept);
  end if;
  if audit.write_row(config, left(tg_op, 1)::"char", before_image, after_image) then
    plain := audit.write_transaction();
  end if;
  return null;
end
$function$;
