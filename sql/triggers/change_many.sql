-- Many changed rows at once: one INSERT, with the expressions made from the table's columns.
-- object: function audit.many_statement(audit.tracked_table, "char", oid, text, text): The statement that writes the changed rows of a statement into the log.
-- Must give the same rows as audit.write_change does one by one; the property test compares them.
-- Runs inside the trigger functions only, which pin the search path and the settings.

create or replace function audit.many_statement(
  config audit.tracked_table, operation "char", relation oid, before_source text, after_source text)
returns text
language plpgsql
as $function$
#variable_conflict use_variable
declare
  hidden constant text := '"••••••"';
  image text := case when operation = 'D' then 'p.before' else 'p.after' end;
  pairs text;
  same text;
  old_part text;
  new_part text;
  row_key text := 'null::jsonb';
  row_about text := 'null::jsonb';
  parent_id integer;
  parent_keys text[];
begin
  -- The two images of each row, in the order in which the statement met them.
  if operation = 'U' then
    pairs := format(
      'select o.image as before, n.image as after, n.number
       from (select %s as image, row_number() over () as number from %s as o) as o
       join (select %s as image, row_number() over () as number from %s as n) as n on n.number = o.number',
      audit.image_expression(relation, 'o'), before_source, audit.image_expression(relation, 'n'), after_source);
    select string_agg(
        case when a.attname = any (config.ignored) then quote_literal(a.attname)
        else format('case when s.before -> %1$L = s.after -> %1$L then %1$L end', a.attname) end, ', ')
    into same
    from pg_attribute as a
    where a.attrelid = relation and a.attnum > 0 and not a.attisdropped and a.attgenerated <> 'v';
  elsif operation = 'D' then
    pairs := format('select %s as before, null::jsonb as after, row_number() over () as number from %s as o',
      audit.image_expression(relation, 'o'), before_source);
  else
    pairs := format('select null::jsonb as before, %s as after, row_number() over () as number from %s as n',
      audit.image_expression(relation, 'n'), after_source);
  end if;
  pairs := format(
    'select s.before, s.after, s.number, s.before - s.same as old_part, s.after - s.same as new_part
     from (select s.*, array[%s]::text[] as same from (%s) as s) as s',
    coalesce(same, (select string_agg(quote_literal(k), ', ') from unnest(config.ignored) as k)), pairs);

  select 'p.old_part' || coalesce(string_agg(format(
      ' || case when p.old_part ? %1$L then %2$L::jsonb else ''{}'' end', k, format('{%s: %s}', to_json(k), hidden)), ''), ''),
    'p.new_part' || coalesce(string_agg(format(
      ' || case when p.new_part ? %1$L then %2$L::jsonb else ''{}'' end', k, format('{%s: %s}', to_json(k), hidden)), ''), '')
  into old_part, new_part
  from unnest(config.masked) as k;
  if config.key_columns is not null then
    select 'jsonb_build_object(' || string_agg(format('%1$L, %2$s -> %1$L', k, image), ', ') || ')'
    into row_key from unnest(config.key_columns) as k;
  end if;
  if operation = 'U' and config.about <> '{}' then
    select 'nullif(' || string_agg(format(
        'case when p.after ? %1$L and not p.new_part ? %1$L then jsonb_build_object(%1$L, p.after -> %1$L) else ''{}'' end', k),
        ' || ') || ', ''{}'')'
    into row_about from unnest(config.about) as k;
  end if;
  select p.id, p.key_columns into parent_id, parent_keys
  from audit.tracked_table as p where p.relid = config.parent_table;

  return format(
    'insert into %s (at, transaction_id, table_id, operation, key, old, new, about, root_table_id, root_key, account)
     select now(), pg_current_xact_id(), %L::integer, %L::"char", %s, %s, %s, %s,
       case when k.key is not null then coalesce(e.root_table_id, %L::integer) end,
       case when k.key is not null then coalesce(e.root_key, k.key) end,
       coalesce(%s ->> %L, r.account, e.account)
     from (%s) as p
     cross join lateral (select %s as key) as k
     %s
     left join audit.entity as r on r.table_id = e.root_table_id and r.key = e.root_key
     %s',
    case when to_regclass('audit.change_' || to_char(now(), 'YYYYMMDD')) is not null
      then 'audit.change' else 'audit.change_spill' end,
    config.id, operation, row_key, old_part, new_part, row_about, parent_id, image, config.account_column, pairs,
    case when parent_id is null then 'null::jsonb' else format('audit.parent_key(%s, %L::text[], %L::text[])', image, config.parent_columns, parent_keys) end,
    case when parent_id is null then 'cross join (select null::integer, null::jsonb, null::text) as e(root_table_id, root_key, account)'
      else format('left join audit.entity as e on e.table_id = %L::integer and e.key = k.key', parent_id) end,
    case when operation = 'U' then 'where p.new_part <> ''{}''' end);
end
$function$;

alter function audit.many_statement(audit.tracked_table, "char", oid, text, text) owner to audit_owner;
revoke all on function audit.many_statement(audit.tracked_table, "char", oid, text, text) from public;
grant execute on function audit.many_statement(audit.tracked_table, "char", oid, text, text) to audit_capture;
