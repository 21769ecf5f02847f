-- Where the log and a table disagree, in the order of the keys. One row `void` and nothing else where the log cannot say what the rows are.
with net as materialized (
  select a.* from audit.account(%(table)s, %(parts)s::pg_catalog.regclass[], 'infinity') as a),
-- What came to each row and what went from it. Nearly always that is one value a column.
row_net as materialized (
  select n.key,
    coalesce(jsonb_object_agg(n.kept, n.value) filter (where n.number > 0 and n.kept <> ''), '{}') as came,
    coalesce(jsonb_object_agg(n.kept, n.value) filter (where n.number < 0 and n.kept <> ''), '{}') as went,
    count(*) filter (where n.number > 0 and n.kept <> '') as values_came,
    coalesce(sum(n.number) filter (where n.kept = ''), 0) as counted,
    coalesce(bool_or(n.value = '"••••••"'), false) as hidden,
    bool_or(n.kept is null) as unsure
  from net as n
  where n.key is not null
  group by n.key),
odd as materialized (
  select r.key from row_net as r
  where r.hidden or r.values_came > (select count(*) from jsonb_object_keys(r.came))
  union
  select b.key from audit.baseline as b where b.table_id = %(table)s and (b.rest is not null or b.present <> 1)),
summed as (
  select s.key, s.kept, s.value, sum(s.number) as number, max(s.id) as id
  from (
    select n.key, n.kept, n.value, n.number, n.id from odd as o join net as n on n.key = o.key
    union all
    select b.key, e.kept, e.value, e.number, e.id
    from odd as o
    join audit.baseline as b on b.table_id = %(table)s and b.key = o.key
    cross join lateral audit.entries_of(b.present, b.image, b.rest) as e) as s
  group by s.key, s.kept, s.value),
-- Where several values came and did not go, something went past the log: the last one counts.
said as (
  select s.key, s.kept, (array_agg(s.value order by s.id desc) filter (where s.number > 0))[1] as value,
    coalesce(bool_or(s.value = '"••••••"'), false) as hidden, sum(s.number) as number
  from summed as s
  group by s.key, s.kept),
expected as (
  select b.key, b.image, false as unsure
  from audit.baseline as b
  where b.table_id = %(table)s and b.rest is null and b.present = 1
    and not exists (select from row_net as r where r.key = b.key)
  union all
  -- What only went is no value of the row any more; another value than the baseline's was the default of a column that came later.
  select r.key, coalesce(b.image, '{}') - array(
      select w.key from jsonb_each(r.went) as w where not r.came ? w.key and w.value = b.image -> w.key) || r.came, r.unsure
  from row_net as r
  left join (select b.key, b.image, b.present from audit.baseline as b where b.table_id = %(table)s) as b on b.key = r.key
  where coalesce(b.present, 0) + r.counted > 0 and not exists (select from odd as o where o.key = r.key)
  union all
  select s.key, coalesce(jsonb_object_agg(s.kept, s.value) filter (where s.kept <> '' and s.value is not null and not s.hidden), '{}'),
    bool_or(s.kept is null)
  from said as s
  group by s.key
  having sum(s.number) filter (where s.kept = '') > 0),
pair as (
  select coalesce(e.key, r.key) as key, e.key as said_key, r.key as live_key, e.image as said, r.image as has, e.unsure
  from expected as e
  full join audit.live_rows(%(table)s, %(key_columns)s::text[]) as r on r.key = e.key
  where e.key is null or r.key is null or e.image is distinct from r.image)
select f.kind, p.key, f.column_name, f.says, f.has, 1 as rows
from pair as p
cross join lateral (
  select 'missing' as kind, null::text as column_name, p.said as says, null::jsonb as has where p.live_key is null
  union all
  select 'unexpected', null, null, p.has where p.said_key is null
  union all
  select 'differs', m.present, p.said -> m.kept, p.has -> m.present
  from (select distinct c.kept, c.present, c.retyped from audit.baseline_columns(%(table)s) as c where c.compared) as m
  where p.said_key is not null and p.live_key is not null and not p.unsure and p.said ? m.kept
    and case when m.retyped then p.said ->> m.kept is distinct from p.has ->> m.present
      else p.said -> m.kept is distinct from p.has -> m.present end) as f
where not exists (select from net as n where n.key is null)
union all
select 'void', null, null, null, null, null where exists (select from net as n where n.key is null)
order by 2, 3
