-- Makes the partitions of the days that spilled rows are of, where there is none.
select audit.make_partition(p.parent, d.day) as made
from (
  select (c.at at time zone 'UTC')::date as day from audit.change_spill as c
  union
  select (t.at at time zone 'UTC')::date from audit.transaction_spill as t) as d
cross join unnest(array['transaction', 'change']) as p(parent)
order by d.day
