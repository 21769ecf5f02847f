-- What the log adds up to: for each row and column, which values came and which went.
-- object: function audit.account(integer, regclass[], timestamp with time zone): What the changes since a table's baseline, in the given parts of the log and before a time, add to each row and column.
-- object: function audit.changed_in(regclass[]): Which tables the given parts of the log have changes of, each with those of its days: read once, so that nobody looks for a table where it is not.
-- object: function audit.entries_of(integer, jsonb, jsonb): A row of the baseline as entries of an account.
-- object: function audit.roll_baseline(regclass[], timestamp with time zone): Adds the changes of parts of the log that are about to go to the baselines.

-- A change takes its old values away and adds its new ones. What is left is the row's present values, in whatever order the
-- changes are added up: a trigger of the business that writes the same row again is logged before the write that fired it, and a
-- purge takes changes by the day of their transaction. Column '' counts the row itself; a NULL column says that the log names a
-- column that nobody knows any more; a NULL key, that the log cannot say what the rows are.
-- A row that took another key left its old one and came under its new one, with all its columns (about has the unchanged ones).
create or replace function audit.account(table_number integer, parts regclass[], before timestamptz)
returns table (key jsonb, kept text, value jsonb, number bigint, id bigint)
language plpgsql stable
rows 1000000
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
declare
  base audit.baseline_table;
  since timestamptz;
  names jsonb;
  keys text[];
  renamed boolean;
begin
  select b.* into base from audit.baseline_table as b where b.table_id = table_number;
  if base.key_columns = '{}' then
    return query select a.* from audit.account_of_rows(table_number, parts, before) as a;
    return;
  end if;
  -- Transaction ids mean nothing in another cluster.
  select i.since into since from audit.incarnation as i where i.id = base.incarnation and i.id > 1;
  select jsonb_object_agg(c.name, c.kept), array_agg(c.name) filter (where c.kept = any (base.key_columns)),
    bool_or(c.name <> c.kept) filter (where c.kept = any (base.key_columns))
  into names, keys, renamed
  from (
    select c.name, min(c.kept) as kept from audit.baseline_columns(table_number) as c group by c.name) as c;
  return query execute format(
    $statement$
      with event as (
        select c.id, c.operation, c.key, c.old, c.new, c.about,
          c.operation = 'T' and coalesce(c.about ? 'unread', false) or c.operation <> 'T' and (
            c.key is null
            or coalesce((select count(*) <> $9 or not bool_and(k.name = any ($3)) from jsonb_object_keys(c.key) as k(name)), true)) as lost,
          c.operation = 'U' and c.old ?| $3 as moved
        from (%1$s) as c
        where c.table_id = $1 and c.at < $4
          and (c.id > $5 or c.transaction_id >= pg_snapshot_xmin($6) and not pg_visible_in_snapshot(c.transaction_id, $6)
            and ($7::timestamptz is null or c.at >= $7))),
      effect as (
        select e.id, s.key, s.image, s.sign, case when e.operation <> 'U' or e.moved then s.sign else 0 end as counted
        from event as e
        cross join lateral (values
          (case when e.moved then e.key || coalesce((
             select jsonb_object_agg(k.name, e.old -> k.name) from jsonb_object_keys(e.key) as k(name) where e.old ? k.name), '{}')
             else e.key end,
           case when e.moved then coalesce(e.about, '{}') || e.old else e.old end, -1),
          (e.key, case when e.moved then coalesce(e.about, '{}') || e.new else e.new end, 1)) as s(key, image, sign)
        where not e.lost and e.operation <> 'T' and s.image is not null)
      select %2$s, v.kept, v.value, sum(v.number), max(e.id)
      from effect as e
      cross join lateral (
        select ''::text as kept, null::jsonb as value, e.counted as number where e.counted <> 0
        union all
        select $2 ->> i.key, i.value, e.sign from jsonb_each(e.image) as i where not $2 ? i.key or $2 ->> i.key is not null) as v
      group by 1, 2, 3
      having sum(v.number) <> 0 or v.kept is null or v.value = $8
      union all
      select null::jsonb, ''::text, null::jsonb, count(*), max(e.id) from event as e where e.lost having count(*) > 0
    $statement$,
    (select string_agg(format('select p.at, p.id, p.transaction_id, p.table_id, p.operation, p.key, p.old, p.new, p.about from %s as p', p), ' union all ')
     from unnest(parts) as p),
    case when renamed then '(select jsonb_object_agg($2 ->> k.key, k.value) from jsonb_each(e.key) as k)' else 'e.key' end)
  using table_number, names, keys, before, base.last_id, base.snapshot, since, '"••••••"'::jsonb, cardinality(base.key_columns);
end
$function$;

create or replace function audit.changed_in(parts regclass[])
returns table (table_id integer, days text[])
language plpgsql stable
set search_path = pg_catalog, pg_temp
set jit = off
as $function$
#variable_conflict use_variable
begin
  return query execute format(
    'select c.table_id, array_agg(c.day::text) from (%s) as c group by 1',
    (select string_agg(format('select p.table_id, p.tableoid::regclass as day from %s as p group by 1, 2', p), ' union all ') from unnest(parts) as p));
end
$function$;

-- Without a search path of its own it becomes part of the query that calls it, which has one.
create or replace function audit.entries_of(present integer, image jsonb, rest jsonb)
returns table (kept text, value jsonb, number bigint, id bigint)
language sql immutable
as $function$
  select '', null::jsonb, present::bigint, 0::bigint where present <> 0
  union all
  select i.key, i.value, 1, 0 from jsonb_each(image) as i
  union all
  select r.entry ->> 0, nullif(r.entry -> 1, case when r.entry ->> 0 is null then 'null'::jsonb end), (r.entry ->> 2)::bigint, (r.entry ->> 3)::bigint
  from jsonb_array_elements(rest) as r(entry)
$function$;

create or replace function audit.roll_baseline(parts regclass[], before timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set jit = off
set work_mem = '32MB'
set enable_mergejoin = off
set enable_nestloop = off
as $function$
#variable_conflict use_variable
declare
  base audit.baseline_table;
  changed integer[];
begin
  -- Nobody may take a new baseline meanwhile.
  lock table audit.baseline_table in share row exclusive mode;
  execute format('select array_agg(distinct c.table_id) from (%s) as c where c.at < $1',
    (select string_agg(format('select p.table_id, p.at from %s as p', p), ' union all ') from unnest(parts) as p))
  into changed using before;
  for base in select b.* from audit.baseline_table as b where b.void is null and b.table_id = any (changed) loop
    with every as materialized (select a.* from audit.account(base.table_id, parts, before) as a),
    -- Nearly always a row is there, and of some columns one value went and another came: that is put in its place.
    row_net as (
      select n.key,
        jsonb_object_agg(n.kept, n.value) filter (where n.number > 0 and n.kept <> '') as came, count(*) filter (where n.number > 0) as values_came,
        jsonb_object_agg(n.kept, n.value) filter (where n.number < 0 and n.kept <> '') as went, count(*) filter (where n.number < 0) as values_went
      from every as n
      where n.key is not null
      group by n.key
      having bool_and(n.kept is not null and n.kept <> '' and abs(n.number) = 1 and n.value <> '"••••••"')),
    changed as (
      update audit.baseline as b set image = b.image || r.came from row_net as r
      where b.table_id = base.table_id and jsonb_hash_extended(b.key, 0) = jsonb_hash_extended(r.key, 0) and b.key = r.key
        and b.present = 1 and b.rest is null and r.values_came = r.values_went
        and r.values_came = (select count(*) from jsonb_object_keys(r.came))
        and r.values_went = (select count(*) filter (where r.came ? w.key and b.image -> w.key = w.value) from jsonb_each(r.went) as w)
      returning b.key),
    -- All else is added up entry by entry.
    net as materialized (
      select n.* from every as n where n.key is null or not exists (select from changed as c where c.key = n.key)),
    gone as (
      delete from audit.baseline as b using (select distinct n.key from net as n where n.key is not null) as k
      where b.table_id = base.table_id
        and jsonb_hash_extended(b.key, 0) = jsonb_hash_extended(k.key, 0) and b.key = k.key
      returning b.key, b.present, b.image, b.rest),
    summed as (
      select s.key, s.kept, s.value, sum(s.number) as number, max(s.id) as id
      from (
        select n.key, n.kept, n.value, n.number, n.id from net as n where n.key is not null
        union all
        select g.key, e.kept, e.value, e.number, e.id from gone as g cross join lateral audit.entries_of(g.present, g.image, g.rest) as e) as s
      group by 1, 2, 3),
    told as (
      select s.key, s.kept, s.value, s.number, s.id,
        s.kept <> '' and s.number = 1 and s.value <> '"••••••"' and count(*) over (partition by s.key, s.kept) = 1 as plain
      from summed as s
      where s.number <> 0 or s.kept is null or s.value = '"••••••"'),
    rolled as (
      insert into audit.baseline (table_id, key, image, present, rest)
      select base.table_id, t.key, coalesce(jsonb_object_agg(t.kept, t.value) filter (where t.plain), '{}'),
        coalesce(sum(t.number) filter (where t.kept = ''), 0),
        jsonb_agg(jsonb_build_array(t.kept, t.value, t.number, t.id)) filter (where t.plain is not true and t.kept is distinct from '')
      from told as t
      group by t.key
      having bool_or(t.kept is not null and t.number <> 0))
    update audit.baseline_table as b
    set void = 'the log could not say since ' || to_char(now() at time zone 'UTC', 'YYYY-MM-DD') || ' what its rows are'
    where b.table_id = base.table_id and exists (select from net as n where n.key is null);
  end loop;
end
$function$;

alter function audit.account(integer, regclass[], timestamptz) owner to audit_owner;
alter function audit.changed_in(regclass[]) owner to audit_owner;
alter function audit.entries_of(integer, jsonb, jsonb) owner to audit_owner;
alter function audit.roll_baseline(regclass[], timestamptz) owner to audit_owner;
revoke all on function audit.account(integer, regclass[], timestamptz), audit.changed_in(regclass[]), audit.entries_of(integer, jsonb, jsonb),
  audit.roll_baseline(regclass[], timestamptz) from public;
