-- Where the log and a table disagree, in the order of the keys. One row `void` and nothing else where the log cannot say what the rows are.
with net as materialized (
  select a.* from audit.account(%(table)s, %(parts)s::pg_catalog.regclass[], 'infinity') as a),
touched as materialized (
  select n.key from net as n where n.key is not null
  union
  select b.key from audit.baseline as b where b.table_id = %(table)s and (b.rest is not null or b.present <> 1)),
summed as (
  select s.key, s.kept, s.value, sum(s.number) as number, max(s.id) as id
  from (
    select n.key, n.kept, n.value, n.number, n.id from net as n where n.key is not null
    union all
    select b.key, e.kept, e.value, e.number, e.id
    from touched as t
    join audit.baseline as b on b.table_id = %(table)s and b.key = t.key
    cross join lateral audit.entries_of(b.present, b.image, b.rest) as e) as s
  group by s.key, s.kept, s.value),
-- One value came and did not go. Where several did, something went past the log: the last one counts.
said as (
  select s.key, s.kept, (array_agg(s.value order by s.id desc) filter (where s.number > 0))[1] as value,
    coalesce(bool_or(s.value = '"••••••"'), false) as hidden, sum(s.number) as number
  from summed as s
  group by s.key, s.kept),
expected as (
  select s.key, coalesce(jsonb_object_agg(s.kept, s.value) filter (where s.kept <> '' and s.value is not null and not s.hidden), '{}') as image,
    bool_or(s.kept is null) as unsure
  from said as s
  group by s.key
  having sum(s.number) filter (where s.kept = '') > 0
  union all
  select b.key, b.image, false
  from audit.baseline as b
  where b.table_id = %(table)s and b.rest is null and b.present = 1
    and not exists (select from touched as t where t.key = b.key)),
pair as (
  select coalesce(e.key, r.key) as key, e.key as said_key, r.key as live_key, e.image as said, r.image as has, e.unsure
  from expected as e
  full join audit.live_rows(%(table)s, %(key_columns)s::text[]) as r on r.key = e.key
  where e.key is null or r.key is null or e.image is distinct from r.image)
select f.kind, p.key, f.column_name, f.says, f.has
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
select 'void', null, null, null, null where exists (select from net as n where n.key is null)
order by 2, 3
