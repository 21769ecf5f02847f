-- Many changed rows at once: one INSERT, with the expressions made from the table's columns.
-- object: function audit.many_statement(audit.tracked_table, "char", oid, text, text, text[]): The statement that writes the changed rows of a statement into the log.
-- Must give the same rows as audit.write_row does one by one; the property test compares them.
-- Runs inside the trigger functions only, which pin the search path and the settings.

-- object: function audit.column_expressions(oid): Per column of a table: how a statement over many rows reads and compares it.
-- Values are compared as such where "distinct" means distinct JSON too, text by its bytes (a collation may call different
-- texts equal); every other type is compared as JSON. User-defined types are read by their output functions.
create or replace function audit.column_expressions(relation oid)
returns table (attname text, c text, reading text, differs text)
language sql stable
as $function$
  select a.attname::text, 'c' || a.attnum,
    case when a.atttypid = 114 then format('audit.json_image(x.%1$I) as c%2$s', a.attname, a.attnum)
      when a.atttypid = 199 then format('audit.json_image(array_to_json(x.%1$I)) as c%2$s', a.attname, a.attnum)
      when a.atttypid >= 16384
      then format('case when num_nulls(x.%1$I) = 0 then format(''%%s'', x.%1$I) end as c%2$s', a.attname, a.attnum)
      else format('x.%I as c%s', a.attname, a.attnum) end,
    case
      when a.atttypid >= 16384 or a.atttypid in ('text'::regtype, 'varchar'::regtype)
        then format('o.c%1$s collate "C" is distinct from n.c%1$s collate "C"', a.attnum)
      when a.atttypid in ('bool'::regtype, 'int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype, 'date'::regtype,
          'timestamp'::regtype, 'timestamptz'::regtype, 'uuid'::regtype, 'bytea'::regtype)
        then format('o.c%1$s is distinct from n.c%1$s', a.attnum)
      -- JSON null and SQL NULL are the same in an image.
      else format('coalesce(to_jsonb(o.c%1$s), ''null'') is distinct from coalesce(to_jsonb(n.c%1$s), ''null'')', a.attnum) end
  from pg_attribute as a
  where a.attrelid = relation and a.attnum > 0 and not a.attisdropped and a.attgenerated <> 'v'
$function$;

-- object: function audit.place_join(audit.tracked_table, text, text, text): The join that finds what audit.place_of() finds, for each row of p for which a condition holds.
create or replace function audit.place_join(config audit.tracked_table, alias text, image text, condition text)
returns text
language sql stable
as $function$
  select case when t.id is null then format(
      'cross join lateral (
         select null::integer as root_table, null::jsonb as root, case when %s then %s ->> %L end as tenant) as %I',
      condition, image, config.account_column, alias)
    else format(
        'cross join lateral (
           select case when k.key is not null then coalesce(e.root_table_id, %1$L::integer) end as root_table,
             case when k.key is not null then coalesce(e.root_key, k.key) end as root,
             coalesce(k.tenant, r.account, e.account) as tenant
           from (
             select case when %7$s then audit.parent_key(%2$s, %4$L::text[], %5$L::text[]) end as key,
               case when %7$s then %2$s ->> %3$L end as tenant) as k
           left join audit.entity as e on e.table_id = %1$L::integer and e.key = k.key
           left join audit.entity as r on r.table_id = e.root_table_id and r.key = e.root_key) as %6$I',
        t.id, image, config.account_column, config.parent_columns, t.key_columns, alias, condition) end
  -- A row whose parent's table is not under watch belongs to itself.
  from (select) as one left join audit.tracked_table as t on t.relid = config.parent_table
$function$;

create or replace function audit.many_statement(
  config audit.tracked_table, operation "char", relation oid, before_source text, after_source text, emptied text[] default null)
returns text
language plpgsql
as $function$
#variable_conflict use_variable
declare
  hidden constant text := '"••••••"';
  image text := case when operation = 'D' then 'p.before' else 'p.after' end;
  pairs text;
  reading text;
  paired text;
  changes text;
  unchanged text;
  old_image text;
  new_image text;
  moved_key text;
  most integer;
  before_part text;
  after_part text;
  -- The unchanged columns that the row of the log needs: never more than these are made into JSON.
  wanted text[] := coalesce(config.key_columns, '{}') || config.about || coalesce(config.parent_columns, '{}')
    || coalesce(config.account_column, '');
  old_part text;
  new_part text;
  row_key text := 'null::jsonb';
  row_about text := 'null::jsonb';
  -- What moves away is for its former entity and account to know too.
  moving text[] := coalesce(config.parent_columns, '{}') || coalesce(config.account_column, '');
  moves boolean := operation = 'U' and moving <> array[''];
  -- The unchanged columns of a row that took another key, or has none (audit.account).
  followed text := 'null::jsonb';
begin
  -- The two images of each row, in the order in which the statement met them.
  if operation = 'U' then
    -- Columns are read as c1, c2, ...: no name of the table can then meet one of ours. An unchanged column adds '{}', which costs next to
    -- nothing, but each changed one copies those before it; making whole images and taking the unchanged columns out again costs the same
    -- whatever changed. They meet where the square of the changed columns is four times all columns (docs/decisions/0002).
    select string_agg(b.reading, ', '),
      string_agg(format('o.%1$s as o%1$s, n.%1$s as n%1$s, %2$s as d%1$s', b.c, b.differs), ', '),
      coalesce(string_agg(format('r.d%s::integer', b.c), ' + ') filter (where b.attname <> all (config.ignored)), '0'),
      coalesce(string_agg(format('case when r.d%1$s then jsonb_build_object(%2$L, r.o%1$s) else ''{}'' end', b.c, b.attname), ' || ')
        filter (where b.attname <> all (config.ignored)), '''{}''::jsonb'),
      coalesce(string_agg(format('case when r.d%1$s then jsonb_build_object(%2$L, r.n%1$s) else ''{}'' end', b.c, b.attname), ' || ')
        filter (where b.attname <> all (config.ignored)), '''{}''::jsonb'),
      string_agg(format('case when not r.d%s then %L end', b.c, b.attname), ', ') filter (where b.attname <> all (config.ignored)),
      coalesce(string_agg(format('jsonb_build_object(%L, r.n%s)', b.attname, b.c), ' || ')
        filter (where b.attname = any (wanted)), '''{}''::jsonb'),
      coalesce(string_agg(format('jsonb_build_object(%L, r.o%s)', b.attname, b.c), ' || ')
        filter (where b.attname = any (moving)), 'null::jsonb'),
      -- Nothing else tells which row it was, without a key or under another: all of what stayed does.
      coalesce(string_agg(format('case when r.d%1$s then ''{}'' else jsonb_build_object(%2$L, r.n%1$s) end', b.c, b.attname), ' || ')
        filter (where b.attname <> all (config.masked || config.ignored)), '''{}''::jsonb'),
      string_agg('r.d' || b.c, ' or ') filter (where b.attname = any (config.key_columns)), round(2 * sqrt(count(*)))
    into reading, paired, changes, old_part, new_part, unchanged, after_part, before_part, followed, moved_key, most
    from audit.column_expressions(relation) as b;
    -- A function takes a hundred arguments.
    select string_agg('jsonb_build_object(' || i.old || ')', ' || ' order by i.place),
      string_agg('jsonb_build_object(' || i.new || ')', ' || ' order by i.place)
    into old_image, new_image
    from (
      select (b.place - 1) / 45 as place, string_agg(format('%L, r.o%s', b.attname, b.c), ', ') as old,
        string_agg(format('%L, r.n%s', b.attname, b.c), ', ') as new
      from audit.column_expressions(relation) with ordinality as b(attname, c, reading, differs, place)
      where b.attname <> all (config.ignored) group by 1) as i;
    if old_image is not null then
      old_part := format('case when (%s) > %s then (%s) - array[%s]::text[] else %s end', changes, most, old_image, unchanged, old_part);
      new_part := format('case when (%s) > %s then (%s) - array[%s]::text[] else %s end', changes, most, new_image, unchanged, new_part);
    end if;
    if config.key_columns is not null then
      followed := format('case when %s then %s end', moved_key, followed);
    end if;
    pairs := format(
      'select %s as before, %s as after, r.number, %s as old_part, %s as new_part, %s as followed
       from (
         select number, %s
         from (select row_number() over () as number, %s from %s as x) as o
         join (select row_number() over () as number, %s from %s as x) as n using (number) offset 0) as r offset 0',
      before_part, after_part, old_part, new_part, followed, paired, reading, before_source, reading, after_source);
  elsif operation = 'D' then
    pairs := format('select %s as before, null::jsonb as after from %s as o',
      audit.image_expression(relation, 'o'), before_source);
  else
    pairs := format('select null::jsonb as before, %s as after from %s as n',
      audit.image_expression(relation, 'n'), after_source);
  end if;
  if operation <> 'U' then
    -- OFFSET 0 keeps each image from being made several times.
    pairs := format('select s.before, s.after, s.before - %1$L::text[] as old_part, s.after - %1$L::text[] as new_part
      from (%2$s offset 0) as s', config.ignored, pairs);
  end if;

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
  if operation = 'U' then
    row_about := format('coalesce(p.followed, %s)', row_about);
  end if;
  return format(
    'insert into %s (at, transaction_id, table_id, operation, key, old, new, about, root_table_id, root_key, account,
       former_root_table_id, former_root_key, former_account, partition)
     select now(), pg_current_xact_id(), %L::integer, %L::"char", %s, %s, %s, %s, w.root_table, w.root, w.tenant, %s, %L::text[]
     from (%s) as p
     %s
     %s
     %s
     %s',
    case when to_regclass('audit.change_' || to_char(now(), 'YYYYMMDD')) is not null
      then 'audit.change' else 'audit.change_spill' end,
    config.id, operation, row_key, old_part, new_part, row_about,
    case when moves then
        'case when m.moved then f.root_table end, case when m.moved then f.root end, '
        'case when m.moved and f.root is not null or stir.stirred and f.tenant is distinct from w.tenant then f.tenant end'
      else 'null::integer, null::jsonb, null::text' end,
    emptied, pairs, audit.place_join(config, 'w', image, 'true'),
    case when moves then audit.place_join(config, 'f', 'p.before', format('p.new_part ?| %L::text[]', moving)) end,
    case when moves then format(
      'cross join lateral (select p.new_part ?| %L::text[] as stirred) as stir
       cross join lateral (select stir.stirred and (f.root_table, f.root) is distinct from (w.root_table, w.root) as moved) as m', moving) end,
    case when operation = 'U' then 'where p.new_part <> ''{}''' end);
end
$function$;

alter function audit.column_expressions(oid) owner to audit_owner;
alter function audit.place_join(audit.tracked_table, text, text, text) owner to audit_owner;
alter function audit.many_statement(audit.tracked_table, "char", oid, text, text, text[]) owner to audit_owner;
revoke all on function audit.column_expressions(oid), audit.place_join(audit.tracked_table, text, text, text), audit.many_statement(audit.tracked_table, "char", oid, text, text, text[]) from public;
grant execute on function audit.column_expressions(oid), audit.place_join(audit.tracked_table, text, text, text), audit.many_statement(audit.tracked_table, "char", oid, text, text, text[]) to audit_capture;
