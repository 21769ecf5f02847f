-- Tables without a key: a row is what it holds, and the log says how many of each content there should be.
-- object: function audit.row_columns(integer): The columns by which rows without a key are compared, as the baseline calls them and as they are called now.
-- object: function audit.account_of_rows(integer, regclass[], timestamp with time zone): What audit.account says of a table without a key: how many rows of each content came (or went) since its baseline.
-- object: function audit.row_differences(integer, regclass[]): Of which content there are fewer or more rows than the log says; one row of NULLs where it cannot say.

-- One that came since the baseline is in none of its rows, a retyped one is spelled in another way. What is left adds up all the same.
create or replace function audit.row_columns(table_number integer)
returns table (kept text, present text)
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select distinct c.kept, c.present
  from audit.baseline_columns(table_number) as c join audit.baseline_table as b on b.table_id = table_number
  where c.compared and not c.retyped and c.kept = any (b.compared)
$function$;

-- A change takes the row away that was, and adds the one that is: audit.change.about has what an update left as it was. Where it has not, since an
-- earlier version wrote it or a value could not be kept, the log cannot say what the rows are: a NULL key, as in audit.account.
create or replace function audit.account_of_rows(table_number integer, parts regclass[], before timestamptz)
returns table (key jsonb, kept text, value jsonb, number bigint, id bigint)
language plpgsql stable
rows 100000
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
declare
  base audit.baseline_table;
  since timestamptz;
  names jsonb;
begin
  select b.* into base from audit.baseline_table as b where b.table_id = table_number;
  select i.since into since from audit.incarnation as i where i.id = base.incarnation and i.id > 1;
  select coalesce(jsonb_object_agg(c.name, c.kept), '{}') into names
  from audit.baseline_columns(table_number) as c join audit.row_columns(table_number) as r on r.kept = c.kept where c.compared;
  return query execute format(
    $statement$
      with event as (
        select c.id, c.operation, c.key, c.old, c.new, c.about, c.degraded
        from (%s) as c
        where c.table_id = $1 and c.at < $3
          and (c.id > $4 or c.transaction_id >= pg_snapshot_xmin($5) and not pg_visible_in_snapshot(c.transaction_id, $5)
            and ($6::timestamptz is null or c.at >= $6))),
      effect as (
        select e.id, s.sign, (
          select case when count(*) = $8 and not coalesce(bool_or(i.value = $7), false) then coalesce(jsonb_object_agg($2 ->> i.key, i.value), '{}') end
          from jsonb_each(s.image) as i where $2 ? i.key) as image
        from event as e
        cross join lateral (values
          (case when e.operation = 'U' then coalesce(e.about, '{}') || e.old else e.old end, -1),
          (case when e.operation = 'U' then coalesce(e.about, '{}') || e.new else e.new end, 1)) as s(image, sign)
        where s.image is not null
        union all
        select e.id, 1, null from event as e
        where e.degraded is not null or e.operation = 'T' and e.about ? 'unread' or e.operation = 'U' and e.key is not null)
      select e.image, ''::text, null::jsonb, sum(e.sign), max(e.id) from effect as e group by e.image having e.image is null or sum(e.sign) <> 0
    $statement$,
    (select string_agg(format('select p.at, p.id, p.transaction_id, p.table_id, p.operation, p.key, p.old, p.new, p.about, p.degraded from %s as p', p), ' union all ')
     from unnest(parts) as p))
  using table_number, names, before, base.last_id, base.snapshot, since, '"••••••"'::jsonb,
    (select count(*) from audit.row_columns(table_number));
end
$function$;

create or replace function audit.row_differences(table_number integer, parts regclass[])
returns table (said jsonb, expected bigint, present bigint)
language plpgsql stable
rows 1000
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
declare
  columns jsonb := (select coalesce(jsonb_object_agg(c.kept, c.present), '{}') from audit.row_columns(table_number) as c);
begin
  return query
    with net as materialized (
      select n.key, n.number from audit.account_of_rows(table_number, parts, 'infinity') as n
      union all
      -- Columns that were dropped or masked since are left out; of one that was away at a purge nothing is known.
      select case when b.key ?& array(select jsonb_object_keys(columns)) then b.key - array(select k from jsonb_object_keys(b.key) as k where not columns ? k) end,
        b.present
      from audit.baseline as b where b.table_id = table_number),
    -- What went past the log came, and went under watch, is gone: less than no row is none.
    expected as (select n.key, sum(n.number)::bigint as number from net as n group by n.key having sum(n.number) > 0),
    live as (
      select k.key, count(*) as number
      from audit.live_rows(table_number, '{}') as r
      cross join lateral (
        select coalesce(jsonb_object_agg(c.key, r.image -> c.value), '{}') as key from jsonb_each_text(columns) as c) as k
      group by k.key),
    pair as (
      select coalesce(e.key, l.key) as key, coalesce(e.number, 0) as expected, coalesce(l.number, 0) as present
      from expected as e full join live as l on l.key = e.key
      where e.number is distinct from l.number)
    select (select coalesce(jsonb_object_agg(columns ->> i.key, i.value), '{}') from jsonb_each(p.key) as i), p.expected, p.present
    from pair as p where not exists (select from net as n where n.key is null)
    union all
    select null, null, null where exists (select from net as n where n.key is null)
    order by 1;
end
$function$;

alter function audit.row_columns(integer) owner to audit_owner;
alter function audit.account_of_rows(integer, regclass[], timestamptz) owner to audit_owner;
alter function audit.row_differences(integer, regclass[]) owner to audit_owner;
revoke all on function audit.row_columns(integer), audit.account_of_rows(integer, regclass[], timestamptz),
  audit.row_differences(integer, regclass[]) from public;
