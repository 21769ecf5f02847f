-- From two images of a row to a row of the log.
-- Runs inside the trigger functions only, which pin the search path and the settings.
-- object: function audit.write_row(audit.tracked_table, "char", jsonb, jsonb): Writes one changed row, given its images; false when nothing that counts has changed.
-- object: function audit.write_change(audit.tracked_table, "char", jsonb, jsonb, jsonb, jsonb): Writes one changed row, given its images and what changed in them; always true.
-- object: function audit.place_of(audit.tracked_table, jsonb): The entity that a row belongs to, given its image, NULL where it is its own; and its account.
-- object: function audit.registry_key(audit.tracked_table, jsonb): The key of a row as audit.entity has it, given its image.
-- object: function audit.move_below(integer, jsonb, integer, jsonb, text): Takes what is registered below a row to the entity and account that the row went to.
-- object: function audit.pick(jsonb, text[]): The given columns of an image.
-- object: function audit.parent_key(jsonb, text[], text[]): The parent's key out of a child's image; NULL when a part of it is NULL.

create or replace function audit.pick(image jsonb, wanted text[])
returns jsonb
language sql immutable
as $function$
  select coalesce(jsonb_object_agg(k, image -> k), '{}') from unnest(wanted) as k where image ? k
$function$;

create or replace function audit.write_row(
  config audit.tracked_table, operation "char", before_image jsonb, after_image jsonb)
returns boolean
language plpgsql
as $function$
#variable_conflict use_variable
declare
  same text[] := config.ignored;
begin
  if operation = 'U' then
    same := array(
      select k.key from jsonb_each(after_image) as k
      where k.value = before_image -> k.key or k.key = any (config.ignored));
    if after_image - same = '{}' then
      return false;
    end if;
  end if;
  return audit.write_change(config, operation, before_image, after_image, before_image - same, after_image - same);
end
$function$;

create or replace function audit.write_change(
  config audit.tracked_table, operation "char", before_image jsonb, after_image jsonb, old_part jsonb, new_part jsonb)
returns boolean
language plpgsql
as $function$
#variable_conflict use_variable
declare
  hidden constant jsonb := '"••••••"';
  image jsonb := coalesce(after_image, before_image);
  row_key jsonb;
  old_key jsonb;
  row_about jsonb;
  root_table integer;
  root jsonb;
  tenant text;
  former_table integer;
  former_root jsonb;
  former_tenant text;
begin
  if config.masked <> '{}' then
    select old_part || coalesce(jsonb_object_agg(k, hidden) filter (where old_part ? k), '{}'),
      new_part || coalesce(jsonb_object_agg(k, hidden) filter (where new_part ? k), '{}')
    into old_part, new_part
    from unnest(config.masked) as k;
  end if;
  if cardinality(config.key_columns) = 1 then
    row_key := jsonb_build_object(config.key_columns[1], image -> config.key_columns[1]);
  elsif config.key_columns is not null then
    row_key := audit.pick(image, config.key_columns);
  end if;
  if operation = 'U' and config.key_columns is null then
    -- Nothing else tells which row it was: all of what stayed does.
    row_about := image - (config.masked || config.ignored) - array(select jsonb_object_keys(new_part));
  elsif operation = 'U' and config.about <> '{}' then
    select jsonb_object_agg(k, image -> k) into row_about
    from unnest(config.about) as k where image ? k and not new_part ? k;
  end if;
  if config.parent_table is not null then
    select p.root_table, p.root, p.tenant into root_table, root, tenant from audit.place_of(config, image) as p;
  elsif config.account_column is not null then
    tenant := image ->> config.account_column;
  end if;
  -- What moves away is for its former entity and account to know too.
  if operation = 'U'
    and (new_part ? config.account_column or new_part ?| config.parent_columns or new_part ?| config.key_columns) then
    -- What follows the row under its new key finds its unchanged columns here: audit.account.
    if new_part ?| config.key_columns then
      row_about := image - (config.masked || config.ignored) - array(select jsonb_object_keys(new_part));
    end if;
    select case when m.moved then p.root_table end, case when m.moved then p.root end,
      case when m.moved and p.root is not null or p.tenant is distinct from tenant then p.tenant end
    into former_table, former_root, former_tenant
    from audit.place_of(config, before_image) as p
    cross join lateral (select (p.root_table, p.root) is distinct from (root_table, root) as moved) as m;
  end if;

  if to_regclass('audit.change_' || to_char(now(), 'YYYYMMDD')) is not null then
    insert into audit.change (
      at, transaction_id, table_id, operation, key, old, new, about, root_table_id, root_key, account,
      former_root_table_id, former_root_key, former_account)
    values (
      now(), pg_current_xact_id(), config.id, operation, row_key, old_part, new_part, row_about, root_table, root, tenant,
      former_table, former_root, former_tenant);
  else
    insert into audit.change_spill (
      at, transaction_id, table_id, operation, key, old, new, about, root_table_id, root_key, account,
      former_root_table_id, former_root_key, former_account)
    values (
      now(), pg_current_xact_id(), config.id, operation, row_key, old_part, new_part, row_about, root_table, root, tenant,
      former_table, former_root, former_tenant);
  end if;

  -- An update of columns that the registry does not keep leaves it as it is.
  if config.registered and row_key is not null
    and (operation <> 'U' or new_part ?| (config.key_columns || config.about || coalesce(config.parent_columns, '{}'))) then
    -- The registry names the columns of a key as they were when the table was put under watch: children look it up by these.
    old_key := audit.registry_key(config, before_image);
    row_key := audit.registry_key(config, image);
    if operation = 'D' or (operation = 'U' and old_key <> row_key) then
      insert into audit.entity as e (table_id, key, about, root_table_id, root_key, account, deleted_at)
      values (config.id, old_key, audit.pick(before_image, config.about), root_table, root, tenant, now())
      on conflict (table_id, key) do update set deleted_at = excluded.deleted_at;
    end if;
    if operation <> 'D' then
      insert into audit.entity as e (table_id, key, about, root_table_id, root_key, account)
      values (config.id, row_key, audit.pick(image, config.about), root_table, root, tenant)
      on conflict (table_id, key) do update
      set about = excluded.about, root_table_id = excluded.root_table_id, root_key = excluded.root_key,
        account = excluded.account, deleted_at = null
      where (e.about, e.root_table_id, e.root_key, e.account, e.deleted_at)
        is distinct from (excluded.about, excluded.root_table_id, excluded.root_key, excluded.account, null);
    end if;
    if operation = 'U' and new_part ?| config.parent_columns then
      perform audit.move_below(config.id, row_key, coalesce(root_table, config.id), coalesce(root, row_key), tenant);
    end if;
  end if;
  return true;
end
$function$;

create or replace function audit.registry_key(config audit.tracked_table, image jsonb)
returns jsonb
language sql stable
as $function$
  select jsonb_object_agg(k.noted, image -> k.present)
  from audit.tracked_table as t cross join unnest(t.key_columns, config.key_columns) as k(noted, present)
  where t.id = config.id and image is not null
$function$;

create or replace function audit.place_of(config audit.tracked_table, image jsonb, out root_table integer, out root jsonb, out tenant text)
language plpgsql stable
as $function$
#variable_conflict use_variable
declare
  parent record;
begin
  tenant := image ->> config.account_column;
  select p.id, audit.parent_key(image, config.parent_columns, p.key_columns) as key into parent
  from audit.tracked_table as p where p.relid = config.parent_table;
  if parent.key is not null then
    select coalesce(e.root_table_id, e.table_id), coalesce(e.root_key, e.key), coalesce(tenant, r.account, e.account)
    into root_table, root, tenant
    from (select) as one
    left join audit.entity as e on e.table_id = parent.id and e.key = parent.key
    -- The root may have changed its account since its children were registered.
    left join audit.entity as r on r.table_id = e.root_table_id and r.key = e.root_key;
    if root_table is null then
      root_table := parent.id;
      root := parent.key;
      tenant := image ->> config.account_column;
    end if;
  end if;
end
$function$;

create or replace function audit.parent_key(image jsonb, child_columns text[], parent_columns text[])
returns jsonb
language sql immutable
as $function$
  select case when bool_and(image ->> c.child is not null and c.parent is not null)
    then jsonb_object_agg(coalesce(c.parent, ''), image -> c.child) end
  from unnest(child_columns, parent_columns) as c(child, parent)
$function$;

-- What is registered below a row goes with it, so that the rows below that, which are not, find their entity.
create or replace function audit.move_below(table_number integer, moved jsonb, root_table integer, root jsonb, tenant text)
returns void
language sql
as $function$
  with recursive below as (
    select table_number as table_id, moved as key
    union
    select e.table_id, e.key
    from below as b
    join audit.tracked_table as p on p.id = b.table_id
    join audit.tracked_table as t on t.parent_table = p.relid
    join audit.entity as e on e.table_id = t.id and audit.parent_key(e.about, t.parent_columns, p.key_columns) = b.key)
  update audit.entity as e
  set root_table_id = root_table, root_key = root, account = tenant
  from below as b
  where e.table_id = b.table_id and e.key = b.key and (b.table_id, b.key) <> (table_number, moved)
$function$;

alter function audit.pick(jsonb, text[]) owner to audit_owner;
alter function audit.parent_key(jsonb, text[], text[]) owner to audit_owner;
alter function audit.move_below(integer, jsonb, integer, jsonb, text) owner to audit_owner;
alter function audit.registry_key(audit.tracked_table, jsonb) owner to audit_owner;
alter function audit.place_of(audit.tracked_table, jsonb) owner to audit_owner;
alter function audit.write_row(audit.tracked_table, "char", jsonb, jsonb) owner to audit_owner;
alter function audit.write_change(audit.tracked_table, "char", jsonb, jsonb, jsonb, jsonb) owner to audit_owner;
revoke all on function audit.pick(jsonb, text[]), audit.parent_key(jsonb, text[], text[]),
  audit.place_of(audit.tracked_table, jsonb), audit.registry_key(audit.tracked_table, jsonb),
  audit.move_below(integer, jsonb, integer, jsonb, text),
  audit.write_row(audit.tracked_table, "char", jsonb, jsonb),
  audit.write_change(audit.tracked_table, "char", jsonb, jsonb, jsonb, jsonb) from public;
grant execute on function audit.pick(jsonb, text[]), audit.parent_key(jsonb, text[], text[]),
  audit.place_of(audit.tracked_table, jsonb), audit.registry_key(audit.tracked_table, jsonb),
  audit.move_below(integer, jsonb, integer, jsonb, text),
  audit.write_row(audit.tracked_table, "char", jsonb, jsonb),
  audit.write_change(audit.tracked_table, "char", jsonb, jsonb, jsonb, jsonb) to audit_capture;
