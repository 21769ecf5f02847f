-- Which of some tables are not under watch, in their order.
select wanted.name
from pg_catalog.unnest(%(names)s::text[]) with ordinality as wanted(name, place)
where not exists (select from audit.tracked_table as t where t.table_name = wanted.name and t.until is null)
order by wanted.place
