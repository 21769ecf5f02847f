-- Where the log and a table without a key disagree, in the shape of reconcile_differences.sql: of which content there are fewer or more rows.
select case when d.said is null then 'void' when d.expected > d.present then 'missing' else 'unexpected' end as kind,
  '{}'::jsonb as key, null as column_name,
  case when d.expected > d.present then d.said end as says, case when d.expected < d.present then d.said end as has,
  abs(d.expected - d.present) as rows
from audit.row_differences(%(table)s, %(parts)s::pg_catalog.regclass[]) as d
