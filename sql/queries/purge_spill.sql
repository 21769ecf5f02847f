-- Spilled rows go by the day, like those of partitions, so that no save loses a part of itself.
with changes as (delete from audit.change_spill as c where c.at < %(before)s returning c.at),
  transactions as (delete from audit.transaction_spill as t where t.at < %(before)s returning t.at)
select (select count(*) from changes)::bigint as changes,
  (pg_catalog.min(e.at) at time zone 'UTC')::date as first_day, (pg_catalog.max(e.at) at time zone 'UTC')::date as last_day
from (select at from changes union all select at from transactions) as e
