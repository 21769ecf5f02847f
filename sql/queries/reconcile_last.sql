-- The last comparison of the tables that are under watch: when the one that is longest ago was, and what differed.
select min(b.reconciled_at) as reconciled_at, coalesce(sum(b.differences), 0)::bigint as differences,
  count(*) filter (where b.reconciled_at is not null)::integer as tables, count(*)::integer as watched
from audit.tracked_table as t left join audit.baseline_table as b on b.table_id = t.id
where t.until is null
